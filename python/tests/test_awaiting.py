"""Coroutine functions: awaited in asynchronous tests, run on a loop of their own in others."""

# What a plugin like pytest-asyncio does with a test, in as few lines as possible.
CONFTEST = """
    import asyncio, inspect, pytest

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(pyfuncitem):
        if inspect.iscoroutinefunction(pyfuncitem.obj):
            names = pyfuncitem._fixtureinfo.argnames
            asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
            return True
"""


def test_await_measures_on_the_test_s_own_loop(pytester):
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("""
        import asyncio

        async def test_it(benchmark):
            here, seen = asyncio.get_running_loop(), set()

            async def work(number):
                seen.add(asyncio.get_running_loop())
                await asyncio.sleep(0)
                return number

            assert await benchmark(work, 5) == 5
            assert seen == {here}
            assert benchmark.stats.stats.rounds >= 5
    """)
    result = pytester.runpytest("--benchmark-max-time=0.01")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["test_it *"])


def test_await_works_with_pedantic(pytester):
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("""
        async def test_it(benchmark):
            seen = []

            async def work(number):
                seen.append(number)
                return number

            assert await benchmark.pedantic(work, args=(3,), rounds=4, iterations=1, warmup_rounds=1) == 3
            assert seen == [3] * 5
            assert benchmark.stats.stats.rounds == 4
    """)
    pytester.runpytest().assert_outcomes(passed=1)


def test_forgetting_to_await_fails(pytester):
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("""
        async def work():
            pass

        async def test_it(benchmark):
            benchmark(work)
    """)
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*nobody awaited it: write `await benchmark(...)`*"])


def test_a_test_without_a_loop_gets_one(pytester):
    pytester.makepyfile("""
        import asyncio
        from functools import partial

        async def work(number):
            await asyncio.sleep(0)
            return number

        def test_it(benchmark):
            assert benchmark(partial(work, 4)) == 4
    """)
    pytester.runpytest("--benchmark-max-time=0.01").assert_outcomes(passed=1)


def test_time_is_that_of_awaiting_and_not_of_making_the_coroutine(pytester):
    pytester.makepyfile("""
        import asyncio

        async def work():
            await asyncio.sleep(0.005)

        def test_it(benchmark):
            benchmark(work)
            assert benchmark.stats.stats.min >= 0.004
    """)
    pytester.runpytest("--benchmark-max-time=0.02").assert_outcomes(passed=1)


def test_an_exception_of_what_was_awaited_is_the_test_s(pytester):
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("""
        async def work():
            raise RuntimeError("mine")

        async def test_it(benchmark):
            await benchmark(work)
    """)
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*RuntimeError: mine*"])
    result.stdout.no_fnmatch_line("*Legend*")


def test_disabled_awaits_once(pytester):
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("""
        async def test_it(benchmark):
            calls = []

            async def work():
                calls.append(1)
                return 8

            assert await benchmark(work) == 8
            assert calls == [1]
    """)
    pytester.runpytest("--benchmark-disable").assert_outcomes(passed=1)
