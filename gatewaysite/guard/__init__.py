"""The static guard: finds database connections held while rendering, streaming or calling somebody, before it runs.

`engine.check` is the one engine behind three doors: `python -m gatewaysite.guard`, a Django system check and the tests.
It reads source only, and imports from its own folder only, so that the folder can be copied into any project.

Reading order. `model` (effects, findings) and `values` (what a name may be) are the words. `symbols` reads files into
modules, classes and functions; `lookup`, `hierarchy` and `annotations` say what a name in them stands for. `analysis`
walks each function in a `frame`: `statements` call `expressions` (and `binding`), these `calls`, and what is called is
a function (back to `analysis`), a library's (`externals`, by `effects.toml`), a builtin, or a queryset's method
(`methods`). Whatever has an effect comes to `rules.happen`, which reports it or shows it to this function's callers.

Three words. A function is walked *by itself*, with what its annotations say; then once more for each kind of arguments
it is *given* that matter; what is found only then is *blamed* on whoever gave them. In

    def run(work):
        with transaction.atomic():
            work()
    run(lambda: render(...))  # R1

`run` by itself breaks no rule. Given the lambda it does, in the line of `work()`; so the last line is to blame, and the
finding stands there with its path: run -> <lambda> -> render.
"""

import sys

if sys.version_info < (3, 12):  # noqa: UP036 (a copy of this folder may meet an older one)
    raise SystemExit("The guard needs Python 3.12 or later.")
