/*
 * replay: runs a fuzz target over files and folders of files, without a fuzzer: what fuzzers once found stays found.
 * Fails when there is nothing to replay.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t replayed;

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat st;

	if (!file || fstat(fileno(file), &st) || !S_ISREG(st.st_mode)) {
		fprintf(stderr, "replay: %s cannot be read\n", path);
		return 1;
	}
	size_t size = (size_t)st.st_size;
	/* exactly as large as the input, so that a sanitizer sees every byte read beyond it */
	uint8_t *data = malloc(size ? size : 1);
	int failed = !data || fread(data, 1, size, file) != size;

	if (!failed)
		LLVMFuzzerTestOneInput(data, size);
	else
		fprintf(stderr, "replay: %s cannot be read\n", path);
	replayed++;
	free(data);
	fclose(file);
	return failed;
}

static int replay(const char *path)
{
	DIR *folder = opendir(path);
	int failed = 0;

	if (!folder)
		return replay_file(path);
	for (struct dirent *entry; !failed && (entry = readdir(folder));) {
		char file[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
		failed = replay_file(file);
	}
	closedir(folder);
	return failed;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (replay(argv[i]))
			return 1;
	if (!replayed)
		fprintf(stderr, "replay: no input\n");
	else
		printf("%zu inputs replayed\n", replayed);
	return !replayed;
}
