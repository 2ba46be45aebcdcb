"""The version, read by the package build too."""

VERSION = "0.1.0"
