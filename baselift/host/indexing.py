"""Which functions an app has: loads the script and makes the checks of the worker and of the host."""

from __future__ import annotations

import importlib
import inspect
import json
import logging
import re
import sys
from typing import TYPE_CHECKING, Any

import azure.functions as func

from baselift.host import signature
from baselift.host.errors import FunctionError, HostError
from baselift.host.model import Binding, Function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from baselift.host.hostjson import HostConfig
    from baselift.host.settings import Settings

_log = logging.getLogger(__name__)
_TRIGGERS = frozenset({"httpTrigger", "queueTrigger", "eventGridTrigger", "timerTrigger"})
_OUTPUTS = frozenset({"http", "queue"})


def load_app(app_dir: Path, settings: Settings) -> list[Any]:
    """Import the app's script and list its azure.functions `Function` objects.

    Raises:
        HostError: there is no script, importing it fails or ends the process, or it has not exactly one function app.
    """
    script = settings.get("PYTHON_SCRIPT_FILE_NAME") or "function_app.py"
    if not (app_dir / script).is_file():
        raise HostError(f"{app_dir} has no {script}; a Python v2 function app has its app object there")
    if str(app_dir) not in sys.path:
        sys.path.insert(0, str(app_dir))
    module_name = script.removesuffix(".py").replace("/", ".")
    sys.modules.pop(module_name, None)
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(module_name)
    except SystemExit as error:
        raise HostError(f"{script} does not start: {error.code}") from None
    except Exception as error:
        _log.exception("Importing %s failed", script)
        raise HostError(f"{script} cannot be imported: {type(error).__name__}: {error}") from error
    apps = [value for value in vars(module).values() if isinstance(value, func.FunctionRegister)]
    if len(apps) != 1:
        raise HostError(f"{script} has {len(apps)} top-level function app objects; it must have exactly one")
    try:
        return list(apps[0].get_functions())
    except ValueError as error:
        raise HostError(f"{script}: {error}") from None


def index(app_dir: Path, config: HostConfig, settings: Settings) -> tuple[list[Function], dict[str, str]]:
    """The functions that can run, in the host's order (by name, case-insensitive), and the error of each other one.

    Raises:
        HostError: the app as a whole cannot be loaded.
    """
    found: list[Function] = []
    errors: dict[str, str] = {}
    seen: set[str] = set()
    for registered in sorted(load_app(app_dir, settings), key=lambda item: str(item.get_function_name()).upper()):
        name = str(registered.get_function_name())
        if config.functions is not None and name.lower() not in config.functions:
            continue
        try:
            _check_name(name, seen)
            found.append(_function(name, registered, app_dir, settings))
        except FunctionError as error:
            errors[name] = str(error)
        seen.add(name.lower())
    return found, errors


def _check_name(name: str, seen: Iterable[str]) -> None:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_\-]{0,127}", name) or name.lower() == "host":
        raise FunctionError("its name must be a letter and up to 127 letters, digits, '_' or '-', and not 'host'")
    if name.lower() in seen:
        raise FunctionError("another function has the same name")


def _function(name: str, registered: Any, app_dir: Path, settings: Settings) -> Function:
    call: Callable[..., Any] = registered.get_user_function()
    hints = signature.resolved_annotations(call)
    raw = [json.loads(text) for text in registered.get_raw_bindings()]
    bindings = [_binding(item, hints, settings) for item in raw]
    wants_context = signature.check_names(call, {b.name for b in bindings if b.name != signature.RETURN}, hints)
    triggers = [binding for binding in bindings if binding.type in _TRIGGERS]
    if len(triggers) != 1:
        raise FunctionError(f"it has {len(triggers)} triggers; it must have exactly one")
    if registered.get_settings_dict("retry_policy"):
        _log.warning("Function '%s': its retry policy is not applied by this host", name)
    disabled = any(settings.is_true(key) for key in (f"AzureWebJobs.{name}.Disabled", f"AzureWebJobs_{name}_Disabled"))
    return Function(
        name=name,
        call=call,
        is_async=inspect.iscoroutinefunction(call),
        wants_context=wants_context,
        trigger=triggers[0],
        outputs=tuple(b for b in bindings if b.out and b.name != signature.RETURN),
        returned=next((b for b in bindings if b.name == signature.RETURN), None),
        directory=str(app_dir),
        disabled=disabled,
    )


def _binding(raw: dict[str, Any], hints: dict[str, Any], settings: Settings) -> Binding:
    name, kind, out = str(raw["name"]), str(raw["type"]), str(raw["direction"]).upper() == "OUT"
    if name != signature.RETURN and not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,127}", name):
        raise FunctionError(f"The binding name {name} is invalid: a letter, then letters and digits (no underscore)")
    if kind not in (_OUTPUTS if out else _TRIGGERS):
        raise FunctionError(
            f"{'output' if out else 'input'} binding {name!r} has the type {kind!r}, unknown to this host"
        )
    if name == signature.RETURN and not out:
        raise FunctionError("the binding '$return' must be an output")
    hint = hints.get("return" if name == signature.RETURN else name)
    converter, annotation = signature.converter_of(name, kind, hint, out=out)
    properties = {
        key: settings.resolve(value) if isinstance(value, str) and key != "route" else value
        for key, value in raw.items()
    }
    return Binding(name, kind, out, properties, converter, annotation)
