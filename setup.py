"""What pyproject.toml cannot say: a wheel holds the notebooks and the example data, which lie beside the package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

BESIDE = {"notebooks": "notebooks", "data/example": "example"}


class WithNotebooksAndExample(build_py):
    """The package and copies of the folders beside it; an editable install reads the folders themselves."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        for source, name in () if self.editable_mode else BESIDE.items():
            shutil.copytree(source, Path(self.build_lib, "ohstats", name), dirs_exist_ok=True)


setup(cmdclass={"build_py": WithNotebooksAndExample})
