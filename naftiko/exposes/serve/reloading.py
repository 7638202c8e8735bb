"""`Reloader`: the documents are read again, and their new versions are served.

One process reads its documents anew, asks the other processes of the server to do the
same, and logs what came of it. This module must not know what is served.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from naftiko.errors import NaftikoError, ServeError
from naftiko.exposes.http.callers import check_variables
from naftiko.exposes.serve.secrets import check_secrets
from naftiko.exposes.serve.sites import tell_unusable
from naftiko.exposes.state import Reloaded
from naftiko.hints import SERVER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naftiko.exposes.serve.plan import ServePlan
    from naftiko.exposes.serve.sites import Site, Version
    from naftiko.exposes.state import Host

_log = logging.getLogger("naftiko.serve")

#: Seconds between two looks at the files of the documents.
_WATCH = 0.5
#: Seconds that the other processes have to reload.
_PATIENCE = 30.0


class Reloader:
    """Reloads the documents of a server.

    Args:
        sites: The documents of this process.
        plan: How they are served.
        host: Reaches the other processes.
    """

    def __init__(self, sites: Sequence[Site], plan: ServePlan, host: Host) -> None:
        self._sites = sites
        self._plan = plan
        self._host = host
        self._lock = asyncio.Lock()
        # Read here: an edit before the watching begins would go unseen otherwise.
        self._known = self._stamps()
        host.siblings.answer("reload", self._here)

    async def reload(self, is_forced: bool = False) -> Reloaded:
        """Read every document again, in every process, and serve the new versions.

        A document that cannot be served keeps its old version, and so does one whose
        new version makes a unit unusable that worked. The others are reloaded all the
        same.

        Args:
            is_forced: Units that worked may become unusable.
        """
        siblings = self._host.siblings
        told = await siblings.ask("reload", is_forced, patience=_PATIENCE)
        reloaded = _together([Reloaded.of(answer) for answer in told.values()])
        silent = siblings.count - len(told)
        if silent:
            problem = (
                f"{silent} of {siblings.count} processes did not answer; SIGHUP to"
                f" process {self._host.parent} reloads all"
            )
            problems = (*reloaded.problems, problem)
            reloaded = reloaded._replace(is_done=False, problems=problems)
        self._tell(reloaded)
        return reloaded

    def _tell(self, reloaded: Reloaded) -> None:
        for problem in reloaded.problems:
            _log.error("not reloaded, the old version is served: %s", problem)
        if reloaded.is_forcible:
            _log.error("a forced reload serves the new version all the same")
        for site in self._sites:
            if site.source.file in reloaded.files:
                tell_unusable(site.capability, site.source.file)
        for note in reloaded.notes:
            _log.warning("reloaded, but: %s", note)
        if reloaded.files:
            _log.info("reloaded %s", ", ".join(reloaded.files))

    async def _here(self, is_forced: bool) -> Reloaded:
        """Reload the documents of this process."""
        async with self._lock:
            versions, problems, lost = await self._prepared(is_forced)
            problems += self._renewed()
            notes = [
                note
                for site, version in versions.items()
                for note in site.serve(version)
            ]
            files = tuple(site.source.file for site in versions)
            if files:
                self._host.siblings.note_reload()
            refused = (*problems, *lost)
            return Reloaded(not refused, refused, files, bool(lost), tuple(notes))

    def _renewed(self) -> list[str]:
        """Read the certificate again; return why it could not be used."""
        if self._plan.certificate is not None:
            try:
                self._plan.certificate.renew()
            except ServeError as error:
                return [str(error)]
        return []

    async def _prepared(
        self, is_forced: bool
    ) -> tuple[dict[Site, Version], list[str], list[str]]:
        """Return the new versions to serve, and why others cannot or should not be.

        The reasons of the last list are units that worked and would no longer.
        """
        versions: dict[Site, Version] = {}
        problems: list[str] = []
        lost: list[str] = []
        for site in self._sites:
            file = site.source.file
            try:
                loaded = await asyncio.to_thread(site.source.load)
                check_secrets(loaded, file, site.exposed_by(loaded), self._plan)
                version = site.prepare(loaded)
                units = [] if is_forced else site.lost(loaded)
            except NaftikoError as error:
                problems.append(error.text_for(SERVER))
            except Exception:  # noqa: BLE001 - this server goes on
                _log.exception("%s cannot be reloaded", file)
                problems.append(
                    f"{file}: an error in the server itself; the log has it"
                )
            else:
                lost += [f"{file}: {unit}; it worked before" for unit in units]
                if units:
                    lost += site.causes(loaded)
                else:
                    versions[site] = version
        capabilities = [
            versions[site].engine.capability if site in versions else site.capability
            for site in self._sites
        ]
        try:
            check_variables(self._plan.options.variable_headers, capabilities)
        except NaftikoError as error:
            problems.append(error.text_for(SERVER))
            versions.clear()
        return versions, problems, lost

    async def reload_unasked(self) -> None:
        """Reload, and log the result; for signals and changed files."""
        try:
            await self.reload()
        except Exception:  # noqa: BLE001 - this server goes on
            _log.exception("reloading failed")

    async def watch(self) -> None:
        """Reload whenever a file of a document has changed."""
        while True:
            await asyncio.sleep(_WATCH)
            if self._stamps() != self._known:
                # The editor may not have written all of the file yet.
                await asyncio.sleep(_WATCH / 5)
                self._known = self._stamps()
                await self.reload_unasked()

    def _stamps(self) -> list[tuple[str, int, int]]:
        """Return path, time of change and size of every file of the documents."""
        stamps = []
        for site in self._sites:
            for file in site.capability.files:
                with suppress(OSError):
                    about = os.stat(file)
                    stamps.append((str(file), about.st_mtime_ns, about.st_size))
        return stamps


def _together(several: Sequence[Reloaded]) -> Reloaded:
    """Return the results of several processes as one; each reason counts once."""
    first = several[0]
    return Reloaded(
        all(one.is_done for one in several),
        tuple(dict.fromkeys(problem for one in several for problem in one.problems)),
        tuple(f for f in first.files if all(f in one.files for one in several)),
        any(one.is_forcible for one in several),
        tuple(dict.fromkeys(note for one in several for note in one.notes)),
    )
