"""airflow_stub.py DAG: runs a DAG's tasks one after the other, as Airflow would, without Airflow.

It has of Airflow what ops/airflow uses: the decorators, `>>`, retries (without their delay), and the two exceptions. Prints a line for each
try: the task, and ok, again or failed. Ends with 1 when a task has failed. SIGTERM ends the task at hand, as Airflow does it: by an
exception in it.
"""
import runpy
import signal
import sys
import types

dags = []


class AirflowException(Exception):
    pass


class AirflowFailException(AirflowException):
    pass


class Task:
    def __init__(self, function):
        self.function = function
        dags[-1]["tasks"].append(self)

    def __rshift__(self, other):
        dags[-1]["order"].append((self.function.__name__, other.function.__name__))
        return other


def dag(**settings):
    def decorate(function):
        def make():
            dags.append({"settings": settings, "tasks": [], "order": []})
            function()
        return make
    return decorate


def task(function):
    return lambda: Task(function)


def provide(name, **members):
    module = types.ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module


def end_task(number, frame):
    raise AirflowException(f"Task received signal {number}")


def run_task(found, retries):
    for _ in range(1 + retries):
        try:
            found.function()
            print(found.function.__name__, "ok", flush=True)
            return True
        except AirflowFailException as error:
            print(found.function.__name__, "failed:", error, flush=True)
            return False
        except AirflowException as error:
            print(found.function.__name__, "again:", error, flush=True)
            if "received signal" in str(error):
                return False
    return False


provide("airflow")
provide("airflow.decorators", dag=dag, task=task)
provide("airflow.exceptions", AirflowException=AirflowException, AirflowFailException=AirflowFailException)
runpy.run_path(sys.argv[1])
assert len(dags) == 1 and len(dags[0]["order"]) == len(dags[0]["tasks"]) - 1
names = [found.function.__name__ for found in dags[0]["tasks"]]
assert dags[0]["order"] == list(zip(names, names[1:])), "the tasks do not stand in their order"
signal.signal(signal.SIGTERM, end_task)
for found in dags[0]["tasks"]:
    if not run_task(found, dags[0]["settings"]["default_args"]["retries"]):
        sys.exit(1)
