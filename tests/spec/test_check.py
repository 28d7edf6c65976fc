"""cove check --blobs: which blobs are damaged, and who needs them; a push mends them. Beside a running server."""
import json, os, stat, subprocess, unittest
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
        # clients ask before they push, and are told to; who pulls is told why not
        for name, there in (("sound", True), ("flipped", False), ("short", False), ("lost", False)):
            digest = sha256(layers[name])
            self.assertEqual(c.request("HEAD", "/v2/team/app/blobs/" + digest).status, 200 if there else 404, name)
            self.assertEqual(c.request("GET", "/v2/team/app/blobs/" + digest).status, 200 if there else 500, name)
            r = c.request("POST", f"/v2/other/blobs/uploads/?mount={digest}&from=team/app")
            self.assertEqual(r.status, 201 if there else 202, name)
        # what was pushed again is right, wherever it was pushed to
        for name in ("flipped", "short", "lost"):
            c.push_blob("other", layers[name])
            r = c.request("GET", "/v2/team/app/blobs/" + sha256(layers[name]))
            self.assertEqual((r.status, r.body), (200, layers[name]))
        self.assertEqual(self.check()[0], 0)

    def test_a_wrong_mark(self):
        """Of a check that has read what the disk does not have: the next one removes it, and so does a push."""
        c = self.cove.client("repository:team/app:pull,push")
        c.push_image("team/app", "v1", [b"layer"])
        path, url = self.path(sha256(b"layer")), "/v2/team/app/blobs/" + sha256(b"layer")
        for mend in (self.check, lambda: c.push_blob("team/app", b"layer")):
            mode = os.stat(path).st_mode
            os.chmod(path, mode | stat.S_ISVTX)
            self.assertEqual(c.request("HEAD", url).status, 404)
            mend()
            self.assertEqual((c.request("HEAD", url).status, os.stat(path).st_mode), (200, mode))

    def test_usage(self):
        done = subprocess.run([BINARY, "check", "--blobs", "--data", self.cove.data + "/none"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("does not exist", done.stderr)
