"""Errors of the device, forks and the end of the process: none reaches the model's step."""

from __future__ import annotations

from in_a_process import run


def test_a_device_error_disables_the_monitor_and_never_raises() -> None:
    printed = run(
        """
        import torch
        from inlay._cuda_runtime import native

        monitor = native().ColumnMonitor(3, device=0)
        values = torch.randn(100, 3, device="cuda")
        monitor.update(values)
        monitor.collect()
        assert not monitor.disabled and monitor.error == "", monitor.error
        # An index out of range: the device asserts, and the context is lost.
        torch.zeros(3, device="cuda")[torch.tensor([7], device="cuda")]
        try:
            torch.cuda.synchronize()
        except Exception:
            pass
        before = monitor.skipped
        for _ in range(5):
            monitor.update(values)
            monitor.turn()
            monitor.poll()
        assert monitor.disabled, "still enabled"
        assert "assert" in monitor.error.lower(), monitor.error
        assert monitor.skipped > before
        # What had arrived before is still there.
        import inlay
        print(inlay.Moments.from_bytes(monitor.moments(0)).count)
        """
    )
    assert printed == "100"


def test_a_device_error_becomes_an_event_and_one_warning() -> None:
    printed = run(
        """
        import warnings
        import torch
        import inlay
        from inlay._cuda_runtime import native

        observer = inlay.Observer().install()
        monitor = native().ColumnMonitor(1, device=0)
        values = torch.randn(100, 1, device="cuda")
        monitor.update(values)
        torch.zeros(3, device="cuda")[torch.tensor([7], device="cuda")]
        try:
            torch.cuda.synchronize()
        except Exception:
            pass
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            for _ in range(3):
                monitor.update(values)
        ours = [w for w in warned if issubclass(w.category, inlay.InlayWarning)]
        events = [row["name"] for row in observer.collect().events.to_pylist()]
        print(len(ours), events.count("inlay.cuda.disabled"))
        """
    )
    assert printed == "1 1"


def test_a_device_error_passes_a_step_where_warnings_are_errors() -> None:
    printed = run(
        """
        import warnings
        import torch
        from inlay._cuda_runtime import native

        monitor = native().ColumnMonitor(1, device=0)
        values = torch.randn(100, 1, device="cuda")
        monitor.update(values)
        torch.zeros(3, device="cuda")[torch.tensor([7], device="cuda")]
        try:
            torch.cuda.synchronize()
        except Exception:
            pass
        warnings.simplefilter("error")
        monitor.update(values)
        print(monitor.disabled)
        """
    )
    assert printed == "True"


def test_a_summary_after_a_device_error_says_what_it_knew() -> None:
    printed = run(
        """
        import torch
        import inlay

        moments = inlay.Moments()
        moments.update(torch.ones(1_000, device="cuda"))
        assert moments.count == 1_000
        torch.zeros(3, device="cuda")[torch.tensor([7], device="cuda")]
        try:
            torch.cuda.synchronize()
        except Exception:
            pass
        moments.update(torch.empty(0))
        print(moments.count)
        """
    )
    assert printed == "1000"


def test_nothing_of_cuda_before_the_first_use_so_a_fork_may_use_it() -> None:
    printed = run(
        """
        import os
        import inlay
        from inlay._cuda_runtime import is_device_array
        inlay.Moments([1.0])
        assert not is_device_array([1.0])
        child = os.fork()
        if child == 0:
            import torch
            moments = inlay.Moments()
            moments.update(torch.ones(7, device="cuda"))
            os._exit(0 if moments.count == 7 else 1)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status))
        """
    )
    assert printed == "0"


def test_a_child_keeps_what_arrived_and_never_touches_the_device() -> None:
    printed = run(
        """
        import os
        import torch
        import inlay
        from inlay._cuda_runtime import native

        monitor = native().ColumnMonitor(1, device=0)
        values = torch.ones(1_000, device="cuda")
        monitor.update(values)
        monitor.collect()
        moments = inlay.Moments()
        moments.update(values)
        assert moments.count == 1_000
        child = os.fork()
        if child == 0:
            try:
                monitor.turn(); monitor.poll()
                right = inlay.Moments.from_bytes(monitor.moments(0)).count == 1_000
                right = right and moments.count == 1_000
                moments.update([2.0])
                right = right and moments.count == 1_001
                del monitor
            except BaseException as error:
                print(repr(error), flush=True)
                os._exit(2)
            os._exit(0 if right else 1)
        _, status = os.waitpid(child, 0)
        monitor.update(values)
        monitor.collect()
        print(os.waitstatus_to_exitcode(status), inlay.Moments.from_bytes(monitor.moments(0)).count)
        """
    )
    assert printed == "0 2000"


def test_the_interpreter_ends_with_work_in_flight() -> None:
    printed = run(
        """
        import torch
        import inlay

        kept = [inlay.Moments(), inlay.ExpHistogram()]
        values = torch.ones(1_000_000, device="cuda")
        torch.cuda._sleep(100_000_000)
        for summary in kept:
            summary.update(values)
        print("ended")
        """
    )
    assert printed == "ended"


def test_an_object_dies_with_work_in_flight() -> None:
    printed = run(
        """
        import gc
        import torch
        import inlay

        values = torch.ones(1_000_000, device="cuda")
        for _ in range(20):
            summary = inlay.ExpHistogram()
            torch.cuda._sleep(1_000_000)
            summary.update(values)
            del summary
            gc.collect()
        torch.cuda.synchronize()
        print(torch.ones(3, device="cuda").sum().item())
        """
    )
    assert printed == "3.0"


def test_import_touches_no_driver() -> None:
    printed = run(
        """
        import sys
        import inlay
        inlay.Moments([1.0])
        print("inlay._cuda" in sys.modules, "torch" in sys.modules, "cupy" in sys.modules)
        """
    )
    assert printed == "False False False"
