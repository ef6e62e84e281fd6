-- A database as version 0.1.0 made it before its tables named a version: dumped, not written by hand.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'first');
INSERT INTO "studies" VALUES(3,'s');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MINIMIZE',1,0);
INSERT INTO "study_directions" VALUES(3,'MINIMIZE',3,0);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'key','"a83411a148284beea4e466cf2b12970d"');
INSERT INTO "study_user_attributes" VALUES(2,1,'objective','["loss"]');
INSERT INTO "study_user_attributes" VALUES(3,1,'task','"x:y"');
INSERT INTO "study_user_attributes" VALUES(4,1,'directory','"/nowhere"');
INSERT INTO "study_user_attributes" VALUES(9,3,'key','"589cce2e4ddb466e81a7d8409a4ed016"');
INSERT INTO "study_user_attributes" VALUES(10,3,'objective','["loss"]');
INSERT INTO "study_user_attributes" VALUES(11,3,'task','"x:y"');
INSERT INTO "study_user_attributes" VALUES(12,3,'directory','"/nowhere"');
CREATE TABLE sweeps_points (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	"key" VARCHAR(64) NOT NULL, 
	overrides TEXT, 
	varied TEXT, 
	state VARCHAR(8) NOT NULL, 
	trial_id INTEGER, 
	attempt INTEGER DEFAULT '0' NOT NULL, 
	retries INTEGER DEFAULT '0' NOT NULL, 
	worker VARCHAR(128), 
	beat_at FLOAT, 
	spent_s FLOAT DEFAULT '0' NOT NULL, 
	progress TEXT, 
	outcome TEXT, 
	mirrored INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (study_id, "key")
);
INSERT INTO "sweeps_points" VALUES(1,1,0,'613fe5aa65343dbb','{"x": "1"}','["x"]','done',1,1,0,'elsewhere:00000000:1:cafe',1795635344.5,0.0,NULL,'{"kind": "completed", "values": [0.25], "metrics": {}, "duration_s": 0.0}',1);
INSERT INTO "sweeps_points" VALUES(2,1,1,'24f572600e150d32','{"x": "2"}','["x"]','running',2,1,0,'elsewhere:00000000:1:cafe',1795635344.5,0.0,NULL,NULL,0);
INSERT INTO "sweeps_points" VALUES(3,1,2,'054b7d8d6d2bd869','{"x": "3"}','["x"]','open',NULL,0,0,NULL,NULL,0.0,NULL,NULL,0);
INSERT INTO "sweeps_points" VALUES(4,2,0,'613fe5aa65343dbb','{"x": "1"}','["x"]','done',3,1,0,'elsewhere:00000000:1:cafe',1795635344.5,0.0,NULL,'{"kind": "completed", "values": [0.25], "metrics": {}, "duration_s": 0.0}',1);
INSERT INTO "sweeps_points" VALUES(5,2,1,'24f572600e150d32','{"x": "2"}','["x"]','running',4,1,0,'elsewhere:00000000:1:cafe',1795635344.5,0.0,NULL,NULL,0);
INSERT INTO "sweeps_points" VALUES(6,2,2,'054b7d8d6d2bd869','{"x": "3"}','["x"]','open',NULL,0,0,NULL,NULL,0.0,NULL,NULL,0);
INSERT INTO "sweeps_points" VALUES(7,3,0,'613fe5aa65343dbb','{"x": "1"}','["x"]','done',5,1,0,'elsewhere:00000000:1:cafe',1795635344.5,0.0,NULL,'{"kind": "completed", "values": [0.25], "metrics": {}, "duration_s": 0.0}',1);
INSERT INTO "sweeps_points" VALUES(8,3,1,'24f572600e150d32','{"x": "2"}','["x"]','running',6,1,0,'elsewhere:00000000:1:cafe',1795635344.5,0.0,NULL,NULL,0);
INSERT INTO "sweeps_points" VALUES(9,3,2,'054b7d8d6d2bd869','{"x": "3"}','["x"]','open',NULL,0,0,NULL,NULL,0.0,NULL,NULL,0);
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'x',1.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(2,2,'x',2.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 2.0, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(5,5,'x',1.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(6,6,'x',2.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 2.0, "high": 2.0, "log": false}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,0.25,'FINITE');
INSERT INTO "trial_values" VALUES(3,5,0,0.25,'FINITE');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-25 19:35:44.904924','2026-11-25 19:35:44.963517');
INSERT INTO "trials" VALUES(2,1,1,'RUNNING','2026-11-25 19:35:44.988442',NULL);
INSERT INTO "trials" VALUES(5,0,3,'COMPLETE','2026-11-25 19:35:45.396743','2026-11-25 19:35:45.435288');
INSERT INTO "trials" VALUES(6,1,3,'RUNNING','2026-11-25 19:35:45.464718',NULL);
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'5.0.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
CREATE INDEX sweeps_points_next ON sweeps_points (study_id, state, position);
COMMIT;
