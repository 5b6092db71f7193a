"""A night as an Airflow DAG (2.4 or newer): wait for the inputs, run the night, verify what was published, hand it on.

It knows nothing of nightjar but its commands and their exit codes (schemas/status.def): 0 is done, 3 is done without the quarantined users,
AGAIN is tried again and goes on where it was (--resume), anything else is for a person and fails at once. A task that Airflow ends passes
SIGTERM on and waits: the night keeps every committed shard.

Set NIGHT_INPUTS, NIGHT_STORE, NIGHT_OUTPUTS and NIGHT_WORKERS in the environment of Airflow's workers, and give the tasks a queue of the
host that has the store: it is a folder on a local disk.
"""
import datetime
import logging
import os
import shlex
import signal
import subprocess

from airflow.decorators import dag, task
from airflow.exceptions import AirflowException, AirflowFailException

INPUTS = os.environ.get("NIGHT_INPUTS", "/srv/night/inputs")
STORE = os.environ.get("NIGHT_STORE", "/srv/night/store")
OUTPUTS = os.environ.get("NIGHT_OUTPUTS", "/srv/night/outputs")
WORKERS = os.environ.get("NIGHT_WORKERS", "16")

AGAIN = {1, 74, 75, 130, 137, 143}
PUBLISHED_WITHOUT_SOME = 3
DRAIN_S = 75  # a worker's --drain-ms, and a little more



def quote(folder, name=""):
    """As one word of a shell, whatever the folder is called."""
    return shlex.quote(os.path.join(folder, name) if name else folder)


# Run by bash, in this order.
COMMANDS = {
    # 75: the warehouse is not ready. _SUCCESS is written last.
    "inputs": f"test -e {quote(INPUTS, '_SUCCESS')} || exit 75",
    "night": f"nightjar run --resume --bundle {quote(INPUTS, 'night.njb')} --users {quote(INPUTS, 'users.jsonl')} --store {quote(STORE)}"
             f" --workers {quote(WORKERS)} --metrics-file {quote(OUTPUTS, 'nightjar.prom')} --json",
    "verify": f"nightjar store verify --store {quote(STORE)}",
    "export": f"nightjar store export --store {quote(STORE)} --to jsonl >{quote(OUTPUTS, 'lists.jsonl.part')}"
              f" && mv {quote(OUTPUTS, 'lists.jsonl.part')} {quote(OUTPUTS, 'lists.jsonl')}",
}


def end(process):
    """No process outlives its task: a night that does not end when it is asked to would be in the way of the next try."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=DRAIN_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run(name):
    """Raises what makes Airflow retry the task, or fail it."""
    process = subprocess.Popen(["bash", "-c", COMMANDS[name]], start_new_session=True)
    try:
        code = process.wait()
    except BaseException:  # Airflow ends the task
        end(process)
        raise
    code = 128 - code if code < 0 else code
    if code == PUBLISHED_WITHOUT_SOME:
        logging.warning("%s: published without the users who were quarantined; the summary names them", name)
    elif code in AGAIN:
        raise AirflowException(f"{name}: exit {code}, to be tried again")
    elif code != 0:
        raise AirflowFailException(f"{name}: exit {code}, trying again would give the same; see ops/handbook/runbook.md")


@dag(
    schedule="0 1 * * *",
    start_date=datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 20, "retry_delay": datetime.timedelta(minutes=2)},
)
def nightjar():
    @task
    def inputs():
        run("inputs")

    @task
    def night():
        run("night")

    @task
    def verify():
        run("verify")

    @task
    def export():
        run("export")

    inputs() >> night() >> verify() >> export()


nightjar()
