"""Processes that check submissions, one at a time each, and survive what a submission does to them.

A submission that takes too long has its process stopped, one that takes its process down is told
as that, and both cost only themselves: a new process takes the place. Processes talk in JSON over
pipes. When the one that started them is gone, however it went, they read the end of their pipe and
leave.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Final

from chainrule.errors import ChainruleError

Job = dict[str, Any]  # what JSON can say
Result = dict[str, Any]
Do = Callable[[Job], Result]

SECONDS: Final = 60.0  # for one submission
_START: Final = 120.0  # for a process to be ready: a slow disk, a large sheet
_DEATHS: Final = 3  # processes in a row that may die before they are ready


def problem_of(error: BaseException) -> str:
    """An error as the one line that a gradebook has room for."""
    if isinstance(error, ChainruleError):
        return " ".join(f"{error.code}: {error.report()}".split())[:500]
    if isinstance(error, MemoryError):
        return "limit: out of memory"
    return " ".join(f"bug: {type(error).__name__}: {error}".split())[:500]


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    job: int | None = None  # None: not ready, or idle
    since: float = 0.0
    ready: bool = False


def run(jobs: Iterable[Job], make: Callable[[], Do], processes: int = 1,
        seconds: float = SECONDS) -> Iterator[tuple[int, Result]]:
    """Do jobs in processes of their own; (the job's place, its result) as they come.

    Each process calls `make` once (it must be found by name: a function of a module, or a
    `functools.partial` of one) and what that gives for every job. A result has a `problem` where
    the job failed. Raises `RuntimeError` where `make` itself fails.
    """
    context = get_context("spawn")  # no locks or threads are inherited, on any system
    waiting = enumerate(jobs)
    workers: list[_Worker] = []
    deaths = 0

    def started() -> _Worker:
        here, there = context.Pipe()
        process = context.Process(target=_work, args=(there, make), daemon=True)
        process.start()
        there.close()
        return _Worker(process, here, since=time.monotonic())

    def give(worker: _Worker) -> bool:
        item = next(waiting, None)
        if item is None:
            return False
        worker.job, worker.since = item[0], time.monotonic()
        worker.pipe.send_bytes(json.dumps(item[1]).encode())
        return True

    try:
        first = next(waiting, None)
        if first is None:
            return
        waiting = _chained(first, waiting)
        workers = [started() for _ in range(max(1, processes))]
        while workers:
            for worker in _speaking(workers, seconds):
                said = _heard(worker)
                if said is not None and "failed" in said:
                    raise RuntimeError(said["failed"])
                if said is not None and not worker.ready:
                    worker.ready, deaths = True, 0
                elif worker.job is not None:
                    yield worker.job, said if said is not None else _lost(worker, seconds)
                    worker.job = None
                elif said is None:
                    deaths += 1
                    if deaths >= _DEATHS:
                        raise RuntimeError("the processes that check end before they begin")
                if said is None:
                    worker.ready = False  # whatever it is at, it is not waited for
                    _stop(worker)
                    workers[workers.index(worker)] = worker = started()
                elif not give(worker):
                    _stop(worker)
                    workers.remove(worker)
    finally:
        for worker in workers:
            _stop(worker)


def _chained(first: tuple[int, Job], rest: Iterator[tuple[int, Job]]) -> Any:
    yield first
    yield from rest


def _speaking(workers: list[_Worker], seconds: float) -> list[_Worker]:
    """The workers that have something to say, or have been silent for too long."""
    now = time.monotonic()
    ends = [w.since + (seconds if w.ready else _START) for w in workers]
    pipes = connection.wait([w.pipe for w in workers], max(0.0, min(ends) - now))
    now = time.monotonic()
    return [w for w, end in zip(workers, ends, strict=True) if w.pipe in pipes or end <= now]


def _heard(worker: _Worker) -> Result | None:
    """What a worker says; None where it is dead, or silent."""
    try:
        if not worker.pipe.poll():
            return None
        said: Result = json.loads(worker.pipe.recv_bytes())
        return said
    except (EOFError, OSError, ValueError):
        return None


def _lost(worker: _Worker, seconds: float) -> Result:
    if time.monotonic() - worker.since >= seconds:
        return {"problem": f"limit: not checked within {seconds:g} s"}
    return {"problem": "bug: the process that checked it ended without an answer"}


def _stop(worker: _Worker) -> None:
    worker.pipe.close()
    if worker.job is not None or not worker.ready:
        worker.process.kill()
    worker.process.join(5)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
    worker.process.close()


def _work(pipe: Connection, make: Callable[[], Do]) -> None:
    """What a process does until its pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that started it decides when to stop
    try:
        do = make()
    except Exception as error:
        pipe.send_bytes(json.dumps({"failed": problem_of(error)}).encode())
        return
    pipe.send_bytes(b'{"ready": true}')
    while True:
        try:
            job = json.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        try:
            result = do(job)
            said = json.dumps(result, allow_nan=False)
        except Exception as error:
            said = json.dumps({"problem": problem_of(error)})
        try:
            pipe.send_bytes(said.encode())
        except OSError:
            return
