-- Two studies of a script @FOLDER@/app.py as the first version made them: one named by its line, one called s.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO studies VALUES(1,'app-bfae734e');
INSERT INTO studies VALUES(2,'s');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO version_info VALUES(1,12,'5.0.0');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO study_directions VALUES(1,'MINIMIZE',1,0);
INSERT INTO study_directions VALUES(2,'MINIMIZE',2,0);
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO study_user_attributes VALUES(1,1,'key','"3cd9b40908b841ae905dea17741f17af"');
INSERT INTO study_user_attributes VALUES(2,1,'objective','[]');
INSERT INTO study_user_attributes VALUES(3,1,'directory','"@FOLDER@/logs/studies/app-bfae734e"');
INSERT INTO study_user_attributes VALUES(4,1,'task','"__main__:main"');
INSERT INTO study_user_attributes VALUES(5,1,'arguments','["x=1,2", "net=small,wide"]');
INSERT INTO study_user_attributes VALUES(6,1,'tracking','{"uri": "", "experiment": "sweeps"}');
INSERT INTO study_user_attributes VALUES(7,2,'key','"a9c02034bd2c488ebd87e697890f011f"');
INSERT INTO study_user_attributes VALUES(8,2,'objective','[]');
INSERT INTO study_user_attributes VALUES(9,2,'directory','"@FOLDER@/logs/studies/s"');
INSERT INTO study_user_attributes VALUES(10,2,'task','"__main__:main"');
INSERT INTO study_user_attributes VALUES(11,2,'arguments','["x=1,2", "study.name=s", "study.replicates=2"]');
INSERT INTO study_user_attributes VALUES(12,2,'tracking','{"uri": "", "experiment": "sweeps"}');
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
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
INSERT INTO trials VALUES(1,0,1,'COMPLETE','2026-11-26 01:50:49.954105','2026-11-26 01:50:50.368198');
INSERT INTO trials VALUES(2,1,1,'COMPLETE','2026-11-26 01:50:50.428830','2026-11-26 01:50:50.706076');
INSERT INTO trials VALUES(3,2,1,'COMPLETE','2026-11-26 01:50:50.732810','2026-11-26 01:50:51.059546');
INSERT INTO trials VALUES(4,3,1,'COMPLETE','2026-11-26 01:50:51.096810','2026-11-26 01:50:51.461235');
INSERT INTO trials VALUES(5,0,2,'COMPLETE','2026-11-26 01:51:00.411017','2026-11-26 01:51:00.751317');
INSERT INTO trials VALUES(6,1,2,'COMPLETE','2026-11-26 01:51:00.796820','2026-11-26 01:51:01.134070');
INSERT INTO trials VALUES(7,2,2,'COMPLETE','2026-11-26 01:51:01.160804','2026-11-26 01:51:01.461912');
INSERT INTO trials VALUES(8,3,2,'COMPLETE','2026-11-26 01:51:01.484790','2026-11-26 01:51:01.772266');
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO trial_user_attributes VALUES(1,1,'net','"small"');
INSERT INTO trial_user_attributes VALUES(2,2,'net','"wide"');
INSERT INTO trial_user_attributes VALUES(3,3,'net','"small"');
INSERT INTO trial_user_attributes VALUES(4,4,'net','"wide"');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
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
INSERT INTO trial_params VALUES(1,1,'x',1.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0, "high": 1.0, "log": false}}');
INSERT INTO trial_params VALUES(2,2,'x',1.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0, "high": 1.0, "log": false}}');
INSERT INTO trial_params VALUES(3,3,'x',2.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 2.0, "high": 2.0, "log": false}}');
INSERT INTO trial_params VALUES(4,4,'x',2.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 2.0, "high": 2.0, "log": false}}');
INSERT INTO trial_params VALUES(5,5,'x',1.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0, "high": 1.0, "log": false}}');
INSERT INTO trial_params VALUES(6,5,'seed',0.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.0, "log": false}}');
INSERT INTO trial_params VALUES(7,6,'x',1.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0, "high": 1.0, "log": false}}');
INSERT INTO trial_params VALUES(8,6,'seed',1.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0, "high": 1.0, "log": false}}');
INSERT INTO trial_params VALUES(9,7,'x',2.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 2.0, "high": 2.0, "log": false}}');
INSERT INTO trial_params VALUES(10,7,'seed',0.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.0, "log": false}}');
INSERT INTO trial_params VALUES(11,8,'x',2.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 2.0, "high": 2.0, "log": false}}');
INSERT INTO trial_params VALUES(12,8,'seed',1.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0, "high": 1.0, "log": false}}');
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
INSERT INTO trial_values VALUES(1,1,0,1.0,'FINITE');
INSERT INTO trial_values VALUES(2,2,0,5.0,'FINITE');
INSERT INTO trial_values VALUES(3,3,0,2.0,'FINITE');
INSERT INTO trial_values VALUES(4,4,0,10.0,'FINITE');
INSERT INTO trial_values VALUES(5,5,0,1.0,'FINITE');
INSERT INTO trial_values VALUES(6,6,0,1.0,'FINITE');
INSERT INTO trial_values VALUES(7,7,0,2.0,'FINITE');
INSERT INTO trial_values VALUES(8,8,0,2.0,'FINITE');
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
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version VALUES('v3.2.0.a');
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
INSERT INTO sweeps_points VALUES(1,1,0,'bc711b86f3d4c440','{"x": "1", "net": "small"}','["x", "net"]','done',1,1,0,'elsewhere:00000000:10927:ecbd2a07',1795657849.9500095844,0.0,NULL,'{"kind": "completed", "values": [1.0], "metrics": {}, "duration_s": 0.30679161499938346}',1);
INSERT INTO sweeps_points VALUES(2,1,1,'3ad104b5d6475e37','{"x": "1", "net": "wide"}','["x", "net"]','done',2,1,0,'elsewhere:00000000:10927:ecbd2a07',1795657850.4169955253,0.0,NULL,'{"kind": "completed", "values": [5.0], "metrics": {}, "duration_s": 0.23228100699998322}',1);
INSERT INTO sweeps_points VALUES(3,1,2,'7ba5f2ea756d896c','{"x": "2", "net": "small"}','["x", "net"]','done',3,1,0,'elsewhere:00000000:10927:ecbd2a07',1795657850.7310152053,0.0,NULL,'{"kind": "completed", "values": [2.0], "metrics": {}, "duration_s": 0.27275832499799435}',1);
INSERT INTO sweeps_points VALUES(4,1,3,'de147a5c3ea26b79','{"x": "2", "net": "wide"}','["x", "net"]','done',4,1,0,'elsewhere:00000000:10927:ecbd2a07',1795657851.0869979858,0.0,NULL,'{"kind": "completed", "values": [10.0], "metrics": {}, "duration_s": 0.3122971890006738}',1);
INSERT INTO sweeps_points VALUES(5,2,0,'9fea1e3240c3528f','{"x": "1", "seed": "0"}','["x", "seed"]','done',5,1,0,'elsewhere:00000000:10975:389d0082',1795657860.4020147323,0.0,NULL,'{"kind": "completed", "values": [1.0], "metrics": {}, "duration_s": 0.26825063200158183}',1);
INSERT INTO sweeps_points VALUES(6,2,1,'9bf26fd5d67035f2','{"x": "1", "seed": "1"}','["x", "seed"]','done',6,1,0,'elsewhere:00000000:10975:389d0082',1795657860.7829823493,0.0,NULL,'{"kind": "completed", "values": [1.0], "metrics": {}, "duration_s": 0.30532291200142936}',1);
INSERT INTO sweeps_points VALUES(7,2,2,'f9a61aff2b3a2fbc','{"x": "2", "seed": "0"}','["x", "seed"]','done',7,1,0,'elsewhere:00000000:10975:389d0082',1795657861.1509947776,0.0,NULL,'{"kind": "completed", "values": [2.0], "metrics": {}, "duration_s": 0.2592498730009538}',1);
INSERT INTO sweeps_points VALUES(8,2,3,'b36015ae8fdee5bf','{"x": "2", "seed": "1"}','["x", "seed"]','done',8,1,0,'elsewhere:00000000:10975:389d0082',1795657861.4780097008,0.0,NULL,'{"kind": "completed", "values": [2.0], "metrics": {}, "duration_s": 0.25620669400086626}',1);
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
CREATE INDEX sweeps_points_next ON sweeps_points (study_id, state, position);
COMMIT;
