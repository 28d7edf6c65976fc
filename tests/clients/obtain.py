"""
Clients that this Debian does not have, each at one place: from Go modules at one version (tests/clients/built), from a newer
suite by themselves (newer), or as the root of a suite with all that they need (suite). All go to the cache, outside of the
tree. What cannot be had fails the run. `python3 tests/clients/obtain.py` gets all of them beforehand.
"""
import os, subprocess, sys

CACHE = os.path.join(os.environ.get("COVE_DEPS") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "cove"),
                     "clients")
HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = {
    "regctl": "github.com/regclient/regclient/cmd/regctl@v0.11.7",
    "regsync": "github.com/regclient/regclient/cmd/regsync@v0.11.7",
    "helm": "helm.sh/helm/v4/cmd/helm@v4.3.1",
    "buildctl": "github.com/moby/buildkit/cmd/buildctl@v0.34.2",
    "buildkitd": "github.com/moby/buildkit/cmd/buildkitd@v0.34.2",
    "notation": "github.com/notaryproject/notation/cmd/notation@v1.3.2",
    "wharfie": "github.com/rancher/wharfie@v0.7.1",
    "dockerd": "github.com/moby/moby/v2/cmd/dockerd@v2.0.0-beta.24",  # the 29 series, after 29.5
    "buildx": "github.com/docker/buildx/cmd/buildx@v0.38.2",
    "watchtower": "github.com/containrrr/watchtower@v1.7.1",
}
# What a machine of each suite has. Docker and containerd are 20.10 and 1.6, 26.1 and 1.7, 28.5 and 2.1.
SUITES = {
    "bookworm": "docker.io containerd runc",
    "trixie": "docker.io docker-cli docker-buildx containerd runc",
    "forky": "docker.io docker-cli docker-buildx containerd runc podman crun",
}


def _script(name, *words, seconds):
    done = subprocess.run([os.path.join(HERE, name), *words], capture_output=True, timeout=seconds)
    if done.returncode:
        raise AssertionError(f"{' '.join(words)} cannot be had: {done.stderr.decode()[-1000:]}")
    return done.stdout.decode().split("\n")[-2]


def built(*names):
    """The paths of programs of Go modules."""
    return [_script("built", *MODULES[name].split("@"), seconds=1800) for name in names]


def newer(package, suite):
    """The program of a newer Debian, for programs that need no libraries of their suite."""
    return os.path.join(_script("newer", package, suite, seconds=600), "usr/bin", package)


def kubelet():
    """Kubernetes' reader of pull secrets, of which kubelet/ makes a program."""
    return _script("built", os.path.join(HERE, "kubelet"), "-", seconds=900)


def python(package):
    """The folder of a package of PyPI at one version, for PYTHONPATH of this Debian's python3."""
    folder = os.path.join(CACHE, "python", package)
    if not os.path.isdir(folder):
        subprocess.run(["/usr/bin/python3", "-m", "pip", "install", "--quiet", "--target", folder + ".making", package], check=True, timeout=600)
        os.rename(folder + ".making", folder)
    return folder


def root(suite):
    """The root of another Debian suite; None where this machine is of that suite, and has its programs by scripts/needs."""
    with open("/etc/os-release") as f:
        if f"VERSION_CODENAME={suite}\n" in f.read():
            return None
    return _script("suite", suite, *SUITES[suite].split(), seconds=1000)


if __name__ == "__main__":
    for suite in SUITES:
        root(suite)
    built(*MODULES)
    kubelet()
