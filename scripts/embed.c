/*
 * embed NAME PATH=FILE...: prints a C source that holds the files as one table of struct embedded_file, embedded_NAME,
 * sorted by path, and its length, embedded_NAME_count (see cove/embed.h). Runs on the building machine.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct input {
	char *path, *file;
	size_t size;
};

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct input *)a)->path, ((const struct input *)b)->path);
}

static int print_bytes(struct input *input, size_t number)
{
	FILE *file = fopen(input->file, "rb");
	int byte;

	if (!file) {
		fprintf(stderr, "embed: %s: %s\n", input->file, strerror(errno));
		return 1;
	}
	/* a NUL after the end, so that text can be given to a C function as it is */
	printf("static const unsigned char bytes_%zu[] = {", number);
	for (input->size = 0; (byte = getc(file)) != EOF; input->size++)
		printf("%s%d,", input->size % 32 ? "" : "\n", byte);
	printf("0};\n");
	int failed = ferror(file);
	fclose(file);
	if (failed)
		fprintf(stderr, "embed: %s: cannot be read\n", input->file);
	return failed;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: embed NAME PATH=FILE...\n");
		return 2;
	}
	size_t count = (size_t)argc - 2;
	struct input *inputs = calloc(count + 1, sizeof *inputs);

	if (!inputs)
		return 1;
	for (size_t i = 0; i < count; i++) {
		char *equals = strchr(argv[i + 2], '=');
		if (!equals) {
			fprintf(stderr, "embed: no '=' in %s\n", argv[i + 2]);
			return 2;
		}
		*equals = '\0';
		inputs[i] = (struct input){.path = argv[i + 2], .file = equals + 1};
	}
	qsort(inputs, count, sizeof *inputs, by_path);
	printf("/* made by scripts/embed.c */\n#include <cove/base/embed.h>\n");
	for (size_t i = 0; i < count; i++)
		if (print_bytes(&inputs[i], i))
			return 1;
	printf("const struct embedded_file embedded_%s[] = {\n", argv[1]);
	for (size_t i = 0; i < count; i++)
		printf("\t{\"%s\", bytes_%zu, %zu},\n", inputs[i].path, i, inputs[i].size);
	printf("\t{NULL, NULL, 0},\n};\nconst size_t embedded_%s_count = %zu;\n", argv[1], count);
	free(inputs);
	return fflush(stdout) || ferror(stdout);
}
