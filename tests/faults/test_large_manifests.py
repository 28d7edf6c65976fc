"""Large manifests, pushed without a pause, leave pulls a thread and a core."""
import json, multiprocessing
from cove import CONFIG, Case, Client, OCI_IMAGE, image

LAYERS = 21000
PUSHERS = 8
PULLS = 40


class LargeManifests(Case):
    flags = ("--threads", "2")

    def push(self, number, bytes_of, answered):
        c = self.cove.client("repository:a:pull,push")
        for i in range(1000):
            r = c.request("PUT", f"/v2/a/manifests/t{number}", bytes_of(number, i), {"Content-Type": OCI_IMAGE})
            with answered.get_lock():
                answered.value += 1 if r.status == 201 else 1000000

    def test_pulls_do_not_wait_for_them(self):
        """Counted, not timed: how many pushes are answered while one pull is under way. A pull that waits for them sees one."""
        c = self.cove.client("repository:a:pull,push")
        config, layer = c.push_blob("a", CONFIG), c.push_blob("a", b"layer")
        text = json.dumps(image([layer] * LAYERS, [5] * LAYERS, config, annotations={"n": "%"}))
        self.assertGreater(len(text), 3 << 20)
        answered = multiprocessing.Value("l", 0)
        pushers = [multiprocessing.Process(target=self.push, args=(i, lambda *n: text.replace('"%"', json.dumps(str(n))).encode(), answered))
                   for i in range(PUSHERS)]
        for p in pushers:
            p.start()
        try:
            while answered.value < PUSHERS / 2:
                self.assertTrue(all(p.is_alive() for p in pushers))
            free = 0
            for _ in range(PULLS):
                before, puller = answered.value, Client(self.cove)
                puller.auth = c.auth
                self.assertEqual(puller.request("GET", "/v2/a/blobs/" + layer).body, b"layer")
                puller.close()
                free += answered.value == before
            self.assertLess(answered.value, 1000000, "a push failed")
        finally:
            for p in pushers:
                p.kill()
                p.join()
        self.assertGreater(free, PULLS / 2, "pulls wait until pushes are through")
