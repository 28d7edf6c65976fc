"""Debian's docker-registry, as the upstream of proxies."""
import os, time
from machine import run


class Upstream:
    address = "reg.test:5443"

    def __init__(self, lab, name, layout):
        self.lab, d = lab, lab.path(name)
        self.log = d + "/log"
        os.makedirs(d)
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=upstream",
            "-addext", "subjectAltName=DNS:reg.test", "-keyout", d + "/key", "-out", d + "/ca")
        with open(d + "/ca") as f:
            self.ca = f.read()
        with open(d + "/config.yml", "w") as f:
            f.write(f"version: 0.1\nlog: {{accesslog: {{disabled: false}}}}\nstorage: {{filesystem: {{rootdirectory: {d}/data}}}}\n"
                    f"http: {{addr: ':5443', tls: {{certificate: {d}/ca, key: {d}/key}}}}\n")
        self.config = d + "/config.yml"
        self.start()
        certs = lab.path("etc", "containers/certs.d", self.address)
        os.makedirs(certs, exist_ok=True)
        with open(certs + "/ca.crt", "w") as out:
            out.write(self.ca)
        for _ in range(50):
            done = lab.client("skopeo", "copy", f"oci:{layout}:app", f"docker://{self.address}/library/busybox:1", status=None)
            if "Writing manifest" in done:
                break
            time.sleep(0.2)
        else:
            raise AssertionError(f"the upstream does not take images: {done}\n{self.read_log()[-3000:]}")
        for tag in ("multi", "attested"):
            lab.client("skopeo", "copy", "--all", f"oci:{layout}:{tag}", f"docker://{self.address}/library/busybox:{tag}")

    def start(self):
        self.process = self.lab.spawn(self.lab.inside() + ["docker-registry", "serve", self.config], self.log, {"PATH": self.lab.env()["PATH"]})

    def stop(self):
        self.process.terminate()
        self.process.wait(20)

    def read_log(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def fetches(self):
        """Blobs that it was asked for."""
        return self.read_log().count('"GET /v2/library/busybox/blobs/')
