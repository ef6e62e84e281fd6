"""`python -m trainer_pkg.generate`: a language model writes a transform into a file, for its user to read and approve.

Nothing of it runs here. `trainer_pkg.generated.Generated` runs it, once its hash is in a configuration.
"""

import ast
import json
import os
import re
from pathlib import Path
from typing import Annotated

import typer

from trainer_pkg.atomic import write_atomically
from trainer_pkg.errors import ConfigError
from trainer_pkg.tools.generated import digest

_INSTRUCTIONS = """\
Write one Python function, with the name and the arguments of the definition that the text begins with, that does what
the text says. The arguments are torch tensors from a batch of a data loader; return one value, not a dict. The function
is pure: no files, no network, no global state. Give type annotations and a docstring. Answer with code alone."""


def generate(
    prompt: Annotated[str, typer.Argument(help="What to write; begins with `def NAME(ARGUMENTS)`. Or a file of it.")],
    model: Annotated[str, typer.Option(help="The language model.")] = "gpt-5-nano",
    folder: Annotated[Path, typer.Option(help="Where NAME.py and its record NAME.json go.")] = Path("transforms"),
    force: Annotated[bool, typer.Option(help="Write over an earlier one.")] = False,
) -> None:
    """Ask a language model for a transform and write it to a file; nothing of it is run.

    The environment names the server and the key: OPENAI_BASE_URL and OPENAI_API_KEY.
    """
    try:
        if "\n" not in prompt and len(prompt) < 256 and Path(prompt).is_file():
            prompt = Path(prompt).read_text()
        match = re.match(r"def ([A-Za-z_]\w*)\(", prompt)
        if match is None:
            raise ConfigError("The prompt must start with a function definition: def NAME(ARGUMENTS).")
        name = match[1]
        path = folder / f"{name}.py"
        if path.exists() and not force:
            raise ConfigError(f"{path} exists; --force writes over it.")
        content = _checked(_ask(prompt, model), name).encode()
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: file.write(content))
        record = {"function": name, "model": model, "sha256": digest(content), "prompt": prompt}
        write_atomically(path.with_suffix(".json"), lambda file: file.write(json.dumps(record, indent=2).encode()))
    except ConfigError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"{content.decode()}\nWritten to {path}. Read it; if you approve it, name it in a configuration:")
    generated = f"{{_target_: trainer_pkg.generated.Generated, path: {path}, sha256: {digest(content)}}}"
    typer.echo(f"  {{_target_: trainer_pkg.data.transforms.Wrap, each: false, transform: {generated}}}")


def _ask(prompt: str, model: str) -> str:
    try:
        import openai
    except ImportError as error:
        raise ConfigError("This needs the package openai: pip install 'hydra-sweeps[generate]'.") from error
    if not os.environ.get("OPENAI_API_KEY"):
        raise ConfigError("OPENAI_API_KEY is not set.")
    messages = [{"role": "system", "content": _INSTRUCTIONS}, {"role": "user", "content": prompt}]
    try:
        # No temperature, no limit of tokens: some models refuse them.
        answer = openai.OpenAI().chat.completions.create(model=model, messages=messages)  # type: ignore[arg-type]
    except openai.OpenAIError as error:
        raise ConfigError(f"{model} did not answer: {error}") from error
    return (answer.choices[0].message.content or "") if answer.choices else ""


def _checked(answer: str, name: str) -> str:
    """The code of an answer, without the fences that models put around it.

    Raises:
        ConfigError: The answer is no Python, or defines no such function.
    """
    fenced = re.search(r"```(?:python)?\n(.*?)```", answer, flags=re.DOTALL)
    code = (fenced[1] if fenced else answer).strip() + "\n"
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"The answer is no Python: {error}.") from error
    if not any(isinstance(node, ast.FunctionDef) and node.name == name for node in body):
        raise ConfigError(f"The answer defines no function {name}.")
    return code
