"""The plug is pulled at any moment: what was acknowledged is there, nothing is torn, and the next start needs no repair.

Replayed, not believed: a disk that keeps every write and flush (tests/support/disk.py) is cut at many places of its log."""
import json, os, random, threading, unittest
from cove import Cove, add_digest, sha256, OCI_IMAGE
from disk import Disk, Mounted

CUTS = 24
PUSHES = 25


class Operation:
    """Something that was asked for at `start` and acknowledged at `end`, both positions of the disk's log."""

    def __init__(self, start, end, name, reference, expected):
        self.start, self.end, self.name, self.reference, self.expected = start, end, name, reference, expected


class PowerCut(unittest.TestCase):
    def setUp(self):
        self.disk = Disk(256 << 20)
        self.addCleanup(self.disk.destroy)
        self.seed = random.randrange(1 << 32)
        self.operations, self.users, self.uploads, self.errors = [], [], [], []

    def note(self, list_, start, *facts):
        list_.append(Operation(start, self.disk.position(), *facts))

    def work(self, cove, number):
        """One client: pushes, moves a tag, deletes tags and manifests, mounts, leaves uploads unfinished."""
        rng = random.Random(self.seed + number)
        name, shared = f"cut/{number}", b"shared %d" % number * 1000
        try:
            c = cove.client(f"repository:{name}:pull,push,delete", f"repository:{name}/copy:pull,push")
            for i in range(PUSHES):
                start = self.disk.position()
                layers = [rng.randbytes(rng.randrange(1, 200000)) for _ in range(rng.randrange(1, 4))] + [shared]
                digest, data = c.push_image(name, f"t{i}", layers)
                self.note(self.operations, start, name, f"manifests/t{i}", data)
                for layer in layers:
                    self.note(self.operations, start, name, f"blobs/{sha256(layer)}", layer)
                start = self.disk.position()
                r, _ = c.push_manifest(name, "moves", data)
                self.assertEqual(r.status, 201)
                self.note(self.operations, start, name, "manifests/moves", data)
                if i % 3 == 1:
                    start = self.disk.position()
                    self.assertEqual(c.request("DELETE", f"/v2/{name}/manifests/t{i - 1}").status, 202)
                    self.note(self.operations, start, name, f"manifests/t{i - 1}", None)
                if i % 5 == 2:
                    start = self.disk.position()
                    r = c.request("POST", f"/v2/{name}/copy/blobs/uploads/?mount={sha256(layers[0])}&from={name}")
                    self.assertEqual(r.status, 201)
                    self.note(self.operations, start, f"{name}/copy", f"blobs/{sha256(layers[0])}", layers[0])
                if i % 5 == 4:
                    location = c.request("POST", f"/v2/{name}/blobs/uploads/")["Location"]
                    self.assertEqual(c.request("PATCH", location, layers[0]).status, 202)
                    self.note(self.uploads, 0, name, location, layers[0])
        except Exception as e:  # told by the main thread
            self.errors.append(e)

    def owner(self, cove):
        """Somebody at the console, meanwhile."""
        try:
            for i in range(8):
                start = self.disk.position()
                cove.command("user", "add", f"user{i}", "--grant", "cut/**:pull", stdin=b"a long passphrase\n")
                self.note(self.users, start, f"user{i}", None, None)
        except Exception as e:
            self.errors.append(e)

    def states(self, operations, position):
        """What each reference may be: the last that was acknowledged, or any that was under way."""
        allowed = {}
        for o in operations:
            values = allowed.setdefault((o.name, o.reference), [None])
            if o.end <= position:
                values[:] = [o.expected]
            elif o.start <= position:
                values.append(o.expected)
        return allowed

    def check(self, cove, position):
        c = cove.client(*{f"repository:{o.name}:pull,push" for o in self.operations})
        for (name, reference), values in self.states(self.operations, position).items():
            r = c.request("GET", f"/v2/{name}/{reference}")
            found = r.body if r.status == 200 else None
            self.assertIn(r.status, (200, 404))
            self.assertTrue(found in values, f"{name}/{reference}: {r.status}, {len(r.body)} bytes, none of what it may be")
        listed = cove.command("user", "list")
        for o in self.users:
            if o.end <= position:
                self.assertIn(o.name, listed)
        for o in self.uploads:
            r = c.request("GET", o.reference)
            self.assertIn(r.status, (204, 404), r.body)
            if r.status == 204:
                # as much as it says is there, and goes on to a blob
                length = int(r["Range"].split("-")[1]) + 1
                r = c.request("PUT", add_digest(o.reference, sha256(o.expected)), o.expected[length if length > 1 else 0:])
                self.assertIn(r.status, (201, 400), r.body)
                if r.status == 201:
                    self.assertEqual(c.request("GET", r["Location"]).body, o.expected)
        # a blob that is half there would be found by who pushes it again, too
        for o in random.Random(self.seed).sample(self.operations, 10):
            if o.reference.startswith("blobs/") and not o.name.endswith("copy"):
                c.push_blob(o.name, o.expected)
                self.assertEqual(c.request("GET", f"/v2/{o.name}/{o.reference}").body, o.expected)
        c.push_image("cut/0", "after", [b"after"])

    def test_power_cut(self):
        data = os.path.join(self.disk.path, "data")
        os.mkdir(data)
        cove = Cove(data=data).start()
        password = cove.password
        clients = [threading.Thread(target=self.work, args=(cove, n)) for n in range(3)]
        clients.append(threading.Thread(target=self.owner, args=(cove,)))
        ready = self.disk.position()  # the password was printed: from here on it counts
        for t in clients:
            t.start()
        for t in clients:
            t.join()
        self.assertEqual(self.errors, [])
        end = self.disk.position()
        cove.kill()
        rng = random.Random(self.seed)
        acknowledged = [o.end for o in self.operations + self.users]
        for cut in range(CUTS):
            # the moment of an acknowledgement with all that was not flushed gone is the hardest one
            position = end if cut == 0 else ready if cut == 1 else rng.choice(acknowledged) if cut % 2 else rng.randrange(ready, end)
            keep = (0, 0.5, 1)[cut % 3]
            with self.subTest(seed=self.seed, cut=cut, position=position, keep=keep):
                with Mounted(self.disk.after_power_cut(position, rng, keep)) as path:
                    again = Cove(data=os.path.join(path, "data"))
                    open(os.path.join(again.data, "test.started"), "w").close()  # of the harness, which may have lost it
                    try:
                        again.start()
                        again.password = password
                        self.check(again, position)
                        self.assertEqual(again.stop(), 0)
                    finally:
                        again.destroy()
