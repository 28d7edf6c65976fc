"""cove check --blobs: which blobs are damaged, and who needs them; a push mends them. Beside a running server."""
import json, os, subprocess, unittest
from cove import BINARY, Case, OCI_INDEX, sha256


class CheckBlobs(Case):
    def path(self, digest):
        algorithm, hexadecimal = digest.split(":")
        return os.path.join(self.cove.data, "blobs", algorithm, hexadecimal[:2], hexadecimal)

    def check(self):
        done = subprocess.run([BINARY, "check", "--blobs", "--data", self.cove.data], capture_output=True, timeout=120, text=True)
        return done.returncode, done.stdout, done.stderr

    def test_damage(self):
        c = self.cove.client("repository:team/app:pull,push", "repository:other:pull,push")
        layers = {n: n.encode() * 1000 for n in ("sound", "flipped", "short", "lost")}
        digest, manifest = c.push_image("team/app", "v1", list(layers.values()))
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
            {"mediaType": json.loads(manifest)["mediaType"], "digest": digest, "size": len(manifest)}]}
        self.assertEqual(c.push_manifest("team/app", "multi", index)[0].status, 201)
        self.assertEqual(c.push_blob("other", layers["flipped"]), sha256(layers["flipped"]))
        status, out, err = self.check()
        self.assertEqual((status, err), (0, ""), out)
        self.assertRegex(out, r"^All \d+ blobs ")
        with open(self.path(sha256(layers["flipped"])), "r+b") as f:
            f.seek(500)
            f.write(b"?")
        os.truncate(self.path(sha256(layers["short"])), 10)
        os.unlink(self.path(sha256(layers["lost"])))
        # the size is right, so a pull is 200: the client sees it
        self.assertNotEqual(c.request("GET", "/v2/team/app/blobs/" + sha256(layers["flipped"])).body, layers["flipped"])
        status, out, err = self.check()
        self.assertEqual(status, 1, err)
        file = lambda name: "(" + os.path.relpath(self.path(sha256(layers[name])), self.cove.data) + ")"
        tags = "    team/app:multi\n    team/app:v1\n"
        self.assertIn(sha256(layers["flipped"]) + f": its bytes have changed {file('flipped')}\n    other\n" + tags, out)
        self.assertIn(sha256(layers["short"]) + f": its file has 10 bytes, not 5000 {file('short')}\n" + tags, out)
        self.assertIn(sha256(layers["lost"]) + f": its file is missing {file('lost')}\n" + tags, out)
        self.assertNotIn(sha256(layers["sound"]), out)
        self.assertIn("3 of ", err)
        # what was pushed again is right, wherever it was pushed to
        for name in ("flipped", "short", "lost"):
            c.push_blob("other", layers[name])
            r = c.request("GET", "/v2/team/app/blobs/" + sha256(layers[name]))
            self.assertEqual((r.status, r.body), (200, layers[name]))
        self.assertEqual(self.check()[0], 0)

    def test_usage(self):
        done = subprocess.run([BINARY, "check", "--blobs", "--data", self.cove.data + "/none"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("does not exist", done.stderr)
