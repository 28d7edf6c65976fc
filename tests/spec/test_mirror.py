"""`cove mirror config`: a file for each engine, and what is missing. That the engines take them is proven in tests/clients."""
import json, unittest
from cove import Case


class Mirror(Case):
    def config(self, *words, **k):
        return self.cove.command("mirror", "config", *words, "--address", "box.lan:5000", **k)

    def test_files(self):
        self.assertIn("no matching proxy", self.config("docker", status=2))
        c = self.cove.command
        c("namespace", "create", "docker.io", "proxy", "upstream=https://registry-1.docker.io")
        c("namespace", "create", "ghcr.io", "proxy", "upstream=https://ghcr.io")
        self.assertIn("listener=https", self.config("docker", status=2))  # what is missing, with the command
        c("namespace", "change", "docker.io", "listener=https", "port=5001")
        self.assertEqual(json.loads(self.config("docker")), {"registry-mirrors": ["https://box.lan:5001"]})
        containerd = self.config("containerd")
        for line in ('# /etc/containerd/certs.d/docker.io/hosts.toml', 'server = "https://registry-1.docker.io"',
                     '# /etc/containerd/certs.d/ghcr.io/hosts.toml', 'server = "https://ghcr.io"', '[host."https://box.lan:5000"]'):
            self.assertIn(line + "\n", containerd)
        self.assertNotIn("ghcr.io", self.config("containerd", "--namespace", "docker.io"))
        self.assertEqual(self.config("k3s", "--namespace", "ghcr.io"),
                         'mirrors:\n  "ghcr.io":\n    endpoint:\n      - "https://box.lan:5000"\n'
                         'configs:\n  "box.lan:5000":\n    tls:\n      ca_file: /etc/rancher/k3s/cove.crt\n')
        self.assertIn('location = "box.lan:5000/docker.io"\n', self.config("podman"))
        self.assertIn('[registry."docker.io"]\n  mirrors = ["box.lan:5000"]\n', self.config("buildkit"))
        self.assertIn("podman", self.config("crio", status=2))
        # without --address it is what the server was last started with
        self.assertIn(f':{self.cove.port}/docker.io"', self.cove.command("mirror", "config", "podman"))


class WhatPeopleHave(Case):
    def test_it(self):
        """Registries in plain HTTP, several names, switched off, Hub by another name; addresses as a browser has them."""
        c = self.cove.command
        config = lambda *words, **k: c("mirror", "config", *words, "--address", "box.lan:5000", **k)
        c("namespace", "create", "lan", "proxy", "upstream=http://reg.lan:5000")
        c("namespace", "create", "two", "proxy", "upstream=https://quay.io", "upstream_names=quay.io cdn.quay.io")
        c("namespace", "create", "off", "proxy", "upstream=https://off.example", "online=false")
        c("namespace", "create", "hub", "proxy", "upstream=https://mirror.example", "listener=http", "port=5009",
          "upstream_names=mirror.example registry-1.docker.io index.docker.io")
        containerd = config("containerd")
        for line in ('server = "http://reg.lan:5000"', 'server = "https://quay.io"', 'server = "https://cdn.quay.io"',
                     "# /etc/containerd/certs.d/docker.io/hosts.toml", '  dial_timeout = "2s"', '  ca = "cove.crt"'):
            self.assertEqual(containerd.count(line + "\n"), 5 if line.startswith("  ") else 1, line)
        # the registry is asked for no list of signatures; pushes go to it, not to the mirror
        self.assertEqual(containerd.count('"\ncapabilities = ["pull", "resolve", "push"]\n\n[host.'), 5)
        self.assertEqual(containerd.count('"]\n  capabilities = ["pull", "resolve"]\n'), 5)
        self.assertNotIn("off.example", containerd)
        # the scheme is that of the registry that is stood for, which only lan's is in plain HTTP
        c("namespace", "create", "centre", "proxy", "upstream=http://centre.lan:5000/hub", "upstream_names=gcr.example k8s.example")
        for engine in ("containerd", "podman", "buildkit", "k3s"):
            text = config(engine, "--namespace", "centre")
            self.assertNotRegex(text, "http:|http = true|insecure", engine)
            self.assertEqual(text.count("gcr.example"), {"containerd": 2, "podman": 2}.get(engine, 1))
        self.assertIn("online", config("k3s", "--namespace", "off", status=2))
        self.assertIn("  http = true\n", config("buildkit", "--namespace", "lan"))
        self.assertIn("insecure = true\n", config("podman", "--namespace", "lan"))
        self.assertEqual(json.loads(config("docker", "--namespace", "hub")), {"registry-mirrors": ["http://box.lan:5009"]})
        c("namespace", "change", "hub", "upstream=http://mirror.example")
        hub = config("containerd", "--namespace", "hub")
        self.assertIn('server = "https://registry-1.docker.io"\n', hub)
        self.assertIn('server = "http://mirror.example"\n', hub)
        for address in ("https://box.lan:5000", "https://box.lan:5000/"):
            self.assertIn('mirrors = ["box.lan:5000"]\n', c("mirror", "config", "buildkit", "--address", address))
        for address in ("http://box.lan:5000", "box.lan:5000/v2", ""):
            self.assertIn("box:5000", c("mirror", "config", "buildkit", "--address", address, status=2))
