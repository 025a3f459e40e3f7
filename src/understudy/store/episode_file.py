"""Episode files: HDF5 that any tool can read. The page is docs/episode_format.md."""

from understudy.store.episode_read import read_duration_s, read_episode
from understudy.store.episode_write import write_episode

__all__ = ["read_duration_s", "read_episode", "write_episode"]
