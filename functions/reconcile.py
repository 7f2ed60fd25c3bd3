"""Timer: repair what crashes and lost messages left behind."""

import azure.functions as func

from baselift import wiring
from baselift.app import reconcile as use_case

bp = func.Blueprint()


@bp.function_name("reconcile")
@bp.timer_trigger(arg_name="timer", schedule="%BASELIFT_RECONCILE%")
async def reconcile(timer: func.TimerRequest) -> None:  # noqa: ARG001
    """Run all repairs."""
    await use_case.reconcile(wiring.world())
    await wiring.signs().round_finished()
