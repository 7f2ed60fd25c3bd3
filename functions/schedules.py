"""Timer: ask for the runs of tasks whose timers are due."""

import azure.functions as func

from baselift import wiring
from baselift.app.timers import fire_due

bp = func.Blueprint()


@bp.function_name("schedules")
@bp.timer_trigger(arg_name="timer", schedule="%BASELIFT_TIMERS%")
async def schedules(timer: func.TimerRequest) -> None:  # noqa: ARG001
    """Look at all timers."""
    await fire_due(wiring.world())
