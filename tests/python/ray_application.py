"""Deployments for the tests with Ray itself: importable in a replica."""

import inlay
from inlay.integrations.asgi import Middleware
from inlay.integrations.ray_serve import observed


def make_application(serve, directory):
    """Return an application of Ray Serve whose replica writes there."""

    @serve.deployment(name="doubler", ray_actor_options={"num_cpus": 0.1})
    @observed(methods=("__call__", "stream", "fail"), directory=directory)
    class Doubler:
        def __init__(self, factor):
            self.factor = factor
            self.rows = inlay.get_observer().counter("doubler.rows").bind()

        async def __call__(self, value):
            self.rows.add(1)
            return self.factor * value

        def stream(self, count):
            yield from range(count)

        def fail(self):
            raise KeyError("asked to")

    return Doubler.bind(2)


def make_function(serve, directory):
    """Return an application that is a function, asked by HTTP."""

    @serve.deployment(name="twice", ray_actor_options={"num_cpus": 0.1})
    @observed(directory=directory)
    async def twice(request):
        return str(2 * float(request.query_params["x"]))

    return twice.bind()


def make_web(serve, directory):
    """Return an application of FastAPI with the middleware, in a deployment."""
    from fastapi import FastAPI

    api = FastAPI()
    api.add_middleware(Middleware)

    @serve.deployment(name="web", ray_actor_options={"num_cpus": 0.1})
    @serve.ingress(api)
    @observed(methods=(), directory=directory)
    class Web:
        @api.get("/hello/{name}")
        def hello(self, name: str):
            return "hello " + name

    return Web.bind()
