"""The server of the review page."""

from __future__ import annotations

from understudy.apps.web.review.handler import ReviewSite
from understudy.apps.web.server import PageServer
from understudy.pipeline.review.session import ReviewSession
from understudy.spec.robot import RobotModel

PORT = 8793


class ReviewServer(PageServer):
    """Serves the review of a dataset; a context manager.

    Args:
        session: what is reviewed.
        robot: of the dataset.
        host: address to bind to; anything but this computer's own needs the token that `url` carries.
        port: 0 takes any that is free.

    Raises:
        InputError: the address cannot be had.
    """

    def __init__(self, session: ReviewSession, robot: RobotModel, *, host: str = "127.0.0.1", port: int = PORT) -> None:
        super().__init__(lambda access: ReviewSite(session, robot, access), host=host, port=port)
