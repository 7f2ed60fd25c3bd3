"""Every trigger and binding that the host runs, and one of each mistake it must survive."""

import asyncio
import json
import os
import time
from typing import List  # noqa: UP035 - azure.functions does not take list[str] here

import azure.functions as func

bp = func.Blueprint()
app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
SEEN: list[dict] = []
STATE = {"running": 0, "most": 0}


def answer(name, req, **more):
    text = json.dumps({"function": name, "method": req.method, "params": dict(req.route_params), **more})
    return func.HttpResponse(text, mimetype="application/json")


@app.route(route="items/{id:int?}", methods=["GET", "POST"])
async def items(req: func.HttpRequest) -> func.HttpResponse:
    return answer("items", req, query=dict(req.params), headers=dict(req.headers), url=req.url)


@app.route(route="items/{name:alpha:minlength(2)}")
def itemsbyname(req: func.HttpRequest) -> func.HttpResponse:
    return answer("itemsbyname", req)


@app.route(route="zoo/lion")
def zoolion(req: func.HttpRequest) -> func.HttpResponse:
    return answer("zoolion", req)


@app.route(route="zoo/{animal}")
def zooanimal(req: func.HttpRequest) -> func.HttpResponse:
    return answer("zooanimal", req)


@app.route(route="files/{*path}")
def files(req: func.HttpRequest) -> func.HttpResponse:
    return answer("files", req)


@app.route(route="echo", methods=["POST"])
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.get_body(), mimetype="application/octet-stream")


@app.route(route="cookies")
async def cookies(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse("ok")
    response.headers.add("Set-Cookie", "a=1; Path=/")
    response.headers.add("Set-Cookie", "b=2; Secure")
    return response


@app.route(route="text")
async def text(req: func.HttpRequest) -> str:
    return req.params["say"]


@app.route(route="boom")
async def boom(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("the secret reason")


@app.route(route="nothing")
async def nothing(req: func.HttpRequest) -> func.HttpResponse:
    return None


@app.route(route="empty")
async def empty(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(status_code=204)


@app.route(route="slow")
async def slow(req: func.HttpRequest) -> func.HttpResponse:
    await asyncio.sleep(float(req.params["seconds"]))
    return func.HttpResponse("slept")


@app.route(route="context")
def withcontext(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    local = context.thread_local_storage.invocation_id == context.invocation_id
    facts = [context.function_name, context.function_directory, local, context.trace_context.trace_parent]
    return func.HttpResponse(json.dumps(facts))


@app.route(route="sent/{kind}")
@app.queue_output(arg_name="out", queue_name="out-{kind}", connection="AzureWebJobsStorage")
def send(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
    out.set(req.get_body().decode())
    return func.HttpResponse(status_code=202)


@app.route(route="sendmany")
@app.queue_output(arg_name="out", queue_name="%JOBS%", connection="")
async def sendmany(req: func.HttpRequest, out: func.Out[List[str]]) -> func.HttpResponse:  # noqa: UP006
    out.set([f"job {number}" for number in range(int(req.params["n"]))])
    return func.HttpResponse(status_code=202)


@app.route(route="seen")
async def seen(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps({"seen": SEEN, **STATE}))


@app.route(route="disabled")
async def asleep(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("never")


@bp.queue_trigger(arg_name="msg", queue_name="%JOBS%", connection="AzureWebJobsStorage")
async def jobs(msg: func.QueueMessage) -> None:
    body = msg.get_body().decode()
    at = msg.insertion_time.isoformat() if msg.insertion_time else None
    SEEN.append({"job": body, "count": msg.dequeue_count, "id": bool(msg.id), "at": at})
    if body == "bad":
        raise RuntimeError("bad job")
    STATE["running"] += 1
    STATE["most"] = max(STATE["most"], STATE["running"])
    await asyncio.sleep(60 if body == "long" else 0.05)
    STATE["running"] -= 1


@bp.queue_trigger(arg_name="msg", queue_name="relay", connection="AzureWebJobsStorage")
@bp.queue_output(arg_name="$return", queue_name="relayed", connection="AzureWebJobsStorage")
def relay(msg: str) -> str:
    if msg == "block":
        time.sleep(60)
    return msg.upper()


@bp.event_grid_trigger(arg_name="event")
async def pushed(event: func.EventGridEvent) -> None:
    kind = "cloud" if isinstance(event, func.CloudEvent) else "grid"
    data = event.get_json()
    SEEN.append({"event": kind, "id": event.id, "data": data})
    if data.get("fail"):
        raise RuntimeError(data["fail"])


@bp.timer_trigger(arg_name="timer", schedule="%EVERY%")
async def tick(timer: func.TimerRequest) -> None:
    SEEN.append({"tick": timer.past_due, "at": time.monotonic()})
    await asyncio.sleep(1.2)


@bp.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
async def yearly(timer: func.TimerRequest) -> None:
    SEEN.append({"yearly": timer.past_due, "status": timer.schedule_status})


@app.queue_trigger(arg_name="my_msg", queue_name="x-x", connection="AzureWebJobsStorage")
def badargument(my_msg: func.QueueMessage) -> None: ...


@app.queue_trigger(arg_name="msg", queue_name="x-x", connection="Nowhere")
def badconnection(msg: func.QueueMessage) -> None: ...


@app.queue_trigger(arg_name="msg", queue_name="%MISSING%", connection="AzureWebJobsStorage")
def badsetting(msg: func.QueueMessage) -> None: ...


@app.queue_trigger(arg_name="msg", queue_name="No--Name", connection="AzureWebJobsStorage")
def badqueue(msg: func.QueueMessage) -> None: ...


@app.timer_trigger(arg_name="timer", schedule="every day")
def badschedule(timer: func.TimerRequest) -> None: ...


@app.route(route="admin/me")
def badroute(req: func.HttpRequest) -> func.HttpResponse: ...


@app.route(route="Zoo/Lion", methods=["GET"])
def zzconflict(req: func.HttpRequest) -> func.HttpResponse: ...


@app.route(route="x")
def badparameters(request: func.HttpRequest) -> func.HttpResponse: ...


@app.route(route="y")
def badannotation(req: func.QueueMessage) -> func.HttpResponse: ...


app.register_functions(bp)
STARTED_WITH = os.environ["JOBS"]
