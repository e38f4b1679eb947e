#include "bench/load_spread.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- weights ---- */

enum result load_weights_init(
	struct load_weights *weights, const double *each, size_t count, struct fail *fail)
{
	double sum = 0;
	weights->count = 0;
	weights->sums = calloc(count > 0 ? count : 1, sizeof *weights->sums);
	if (weights->sums == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for %zu weights", count);
	for (size_t i = 0; i < count; i++) {
		if (!(each[i] >= 0) || isinf(each[i])) {
			load_weights_deinit(weights);
			return fail_set(fail, RESULT_INVALID, "a weight is not a positive number");
		}
		sum += each[i];
		weights->sums[i] = sum;
	}
	weights->count = count;
	if (sum > 0)
		return RESULT_OK;
	load_weights_deinit(weights);
	return fail_set(fail, RESULT_INVALID, "all weights are 0");
}

void load_weights_deinit(struct load_weights *weights)
{
	free(weights->sums);
	*weights = (struct load_weights){ .sums = NULL };
}

/* 0 up to, and never, 1. */
static double uniform(struct random_state *random)
{
	return (double)(random_u64(random) >> 11) * 0x1p-53;
}

size_t load_weights_pick(const struct load_weights *weights, struct random_state *random)
{
	double wanted = uniform(random) * weights->sums[weights->count - 1];
	size_t low = 0, high = weights->count - 1;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (weights->sums[middle] > wanted)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* ---- domains ---- */

struct domain_list {
	char **names;
	double *weights;
	size_t count, size;
};

static bool list_grow(struct domain_list *list)
{
	size_t size = list->size > 0 ? list->size * 2 : 64;
	char **names = realloc(list->names, size * sizeof *names);
	if (names == NULL)
		return false;
	list->names = names;
	double *weights = realloc(list->weights, size * sizeof *weights);
	if (weights == NULL)
		return false;
	list->weights = weights;
	list->size = size;
	return true;
}

static enum result list_add(struct domain_list *list, struct text name, double weight,
	struct fail *fail)
{
	if (name.len > LOAD_NAME_MAX)
		return fail_set(fail, RESULT_INVALID, "'%.*s' is too long for a domain", TEXT_ARG(name));
	if (list->count == LOAD_DOMAINS_MAX)
		return fail_set(fail, RESULT_LIMIT, "more than %d domains", LOAD_DOMAINS_MAX);
	if (list->count == list->size && !list_grow(list))
		return fail_set(fail, RESULT_MEMORY, "no memory for domains");
	char *copy = NULL;
	if (!text_is_empty(name)) {
		copy = strndup(name.data, name.len);
		if (copy == NULL)
			return fail_set(fail, RESULT_MEMORY, "no memory for domains");
	}
	list->names[list->count] = copy;
	list->weights[list->count++] = weight;
	return RESULT_OK;
}

static void list_free(struct domain_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->names[i]);
	free(list->names);
	free(list->weights);
}

/* A weight or a percentage, the whole text. */
static bool parse_number(struct text text, double *out_number)
{
	char copy[64];
	char *end;
	if (text_is_empty(text) || text.len >= sizeof copy)
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	errno = 0;
	*out_number = strtod(copy, &end);
	return errno == 0 && *end == '\0' && *out_number >= 0 && isfinite(*out_number);
}

/* "big.lab=25,large.lab=10": their share of all, in percent. */
static enum result add_skew(struct domain_list *list, const char *skew, double *out_percent,
	struct fail *fail)
{
	struct text rest = text_of(skew), part;
	*out_percent = 0;
	while (text_split(&rest, ',', &part)) {
		double percent;
		size_t equals = text_find(part, '=');
		if (equals == TEXT_NONE || equals == 0 ||
			!parse_number(text_skip(part, equals + 1), &percent))
			return fail_set(fail, RESULT_INVALID, "'%.*s' is not DOMAIN=PERCENT",
				TEXT_ARG(part));
		enum result result = list_add(list, text_cut(part, equals), percent, fail);
		if (result != RESULT_OK)
			return result;
		*out_percent += percent;
	}
	if (*out_percent > 100)
		return fail_set(fail, RESULT_INVALID, "the shares are more than 100 percent");
	return RESULT_OK;
}

static enum result add_line(struct domain_list *list, struct text line, struct fail *fail)
{
	double weight = 1;
	line = text_trim(line);
	if (text_is_empty(line) || line.data[0] == '#')
		return RESULT_OK;
	size_t blank = text_find(line, ' ');
	if (blank == TEXT_NONE)
		blank = text_find(line, '\t');
	if (blank != TEXT_NONE && !parse_number(text_trim(text_skip(line, blank)), &weight))
		return fail_set(fail, RESULT_INVALID, "'%.*s' is not NAME WEIGHT", TEXT_ARG(line));
	return list_add(list, text_cut(line, blank), weight, fail);
}

static enum result add_file(struct domain_list *list, const char *path, struct fail *fail)
{
	char line[1024];
	enum result result = RESULT_OK;
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return fail_set_errno(fail, errno, "cannot read %s", path);
	while (result == RESULT_OK && fgets(line, sizeof line, file) != NULL)
		result = add_line(list, text_of(line), fail);
	if (result == RESULT_OK && ferror(file))
		result = fail_set_errno(fail, errno, "cannot read %s", path);
	fclose(file);
	return result;
}

/* "d%05d.lab" into what stands before and after the number, and its width. */
static enum result parse_pattern(struct load_domains *domains, const char *pattern, struct fail *fail)
{
	struct text text = text_of(pattern);
	size_t percent = text_find(text, '%');
	struct text rest = percent == TEXT_NONE ? TEXT_EMPTY : text_skip(text, percent + 1);
	size_t end = text_find(rest, 'd');
	uint64_t width = 0;
	bool good = end != TEXT_NONE && text.len <= LOAD_NAME_MAX &&
		(end == 0 || text_to_u64(text_cut(rest, end), &width)) && width <= 9;
	if (!good)
		return fail_set(fail, RESULT_INVALID, "'%s' has no %%d or %%0Nd for the number", pattern);
	memcpy(domains->prefix, text.data, percent);
	domains->prefix[percent] = '\0';
	rest = text_skip(rest, end + 1);
	memcpy(domains->suffix, rest.data, rest.len);
	domains->suffix[rest.len] = '\0';
	domains->width = (unsigned)width;
	return RESULT_OK;
}

/* The weights of those after the first `from` are scaled to `percent` of all together. */
static void scale(struct domain_list *list, size_t from, double percent)
{
	double sum = 0;
	for (size_t i = from; i < list->count; i++)
		sum += list->weights[i];
	for (size_t i = from; i < list->count && sum > 0; i++)
		list->weights[i] *= percent / sum;
}

static enum result fill(struct load_domains *domains, struct domain_list *list,
	const struct load_domains_config *config, struct fail *fail)
{
	double percent = 0;
	enum result result = parse_pattern(domains, config->pattern, fail);
	if (result == RESULT_OK && config->skew != NULL)
		result = add_skew(list, config->skew, &percent, fail);
	size_t from = list->count;
	if (result == RESULT_OK && config->file != NULL)
		result = add_file(list, config->file, fail);
	domains->named = list->count;
	for (size_t i = 0; result == RESULT_OK && config->file == NULL && i < config->count; i++)
		result = list_add(list, TEXT_EMPTY, pow((double)i + 1, -config->zipf), fail);
	if (result == RESULT_OK)
		scale(list, from, 100 - percent);
	return result;
}

enum result load_domains_init(struct load_domains *domains, const struct load_domains_config *config,
	struct fail *fail)
{
	struct domain_list list = { NULL, NULL, 0, 0 };
	memset(domains, 0, sizeof *domains);
	enum result result = fill(domains, &list, config, fail);
	if (result == RESULT_OK)
		result = load_weights_init(&domains->weights, list.weights, list.count, fail);
	if (result != RESULT_OK) {
		list_free(&list);
		return result;
	}
	domains->names = list.names;
	free(list.weights);
	return RESULT_OK;
}

void load_domains_deinit(struct load_domains *domains)
{
	for (size_t i = 0; i < domains->weights.count; i++)
		free(domains->names[i]);
	free(domains->names);
	load_weights_deinit(&domains->weights);
}

size_t load_domains_pick(const struct load_domains *domains, struct random_state *random)
{
	return load_weights_pick(&domains->weights, random);
}

void load_domains_put(const struct load_domains *domains, size_t index, struct buf *out)
{
	CHECK(index < domains->weights.count);
	if (index < domains->named) {
		buf_put_cstr(out, domains->names[index]);
		return;
	}
	buf_put_cstr(out, domains->prefix);
	buf_put_number_padded(out, index - domains->named, domains->width > 0 ? domains->width : 1);
	buf_put_cstr(out, domains->suffix);
}

/* ---- sizes ---- */

/* "8192", "8K", "1M". */
static bool parse_size(struct text text, uint64_t *out_size)
{
	uint64_t unit = 1;
	if (text_ends_nocase(text, TEXT("K")))
		unit = 1024;
	else if (text_ends_nocase(text, TEXT("M")))
		unit = 1024 * 1024;
	if (unit > 1)
		text = text_cut(text, text.len - 1);
	if (!text_to_u64(text, out_size) || *out_size > UINT64_MAX / unit)
		return false;
	*out_size *= unit;
	return true;
}

static bool parse_lognormal(struct load_sizes *sizes, struct text text)
{
	uint64_t median, high;
	struct text rest = text, part;
	if (!text_split(&rest, ':', &part) || !parse_size(part, &median) || median == 0 ||
		!parse_size(rest, &high) || high <= median)
		return false;
	sizes->mu = log((double)median);
	/* 95 % of a normal distribution lie below 1.645 deviations. */
	sizes->sigma = (log((double)high) - sizes->mu) / 1.6448536269514722;
	return true;
}

static bool parse_list(struct load_sizes *sizes, struct text text, double *out_weights)
{
	struct text rest = text, part;
	while (text_split(&rest, ',', &part)) {
		size_t colon = text_find(part, ':');
		double weight = 1;
		if (sizes->count == LOAD_SIZES_MAX ||
			!parse_size(text_cut(part, colon), &sizes->sizes[sizes->count]))
			return false;
		if (colon != TEXT_NONE && !parse_number(text_skip(part, colon + 1), &weight))
			return false;
		out_weights[sizes->count++] = weight;
	}
	return sizes->count > 0;
}

enum result load_sizes_init(struct load_sizes *sizes, const char *spec, uint64_t min, uint64_t max,
	struct fail *fail)
{
	double weights[LOAD_SIZES_MAX];
	struct text text = text_of(spec), lognormal = TEXT("lognormal:");
	memset(sizes, 0, sizeof *sizes);
	sizes->min = min;
	sizes->max = max;
	if (text_starts(text, lognormal)) {
		if (parse_lognormal(sizes, text_skip(text, lognormal.len)))
			return RESULT_OK;
	} else if (parse_list(sizes, text, weights)) {
		return load_weights_init(&sizes->weights, weights, sizes->count, fail);
	}
	return fail_set(fail, RESULT_INVALID,
		"'%s' is not SIZE, SIZE:WEIGHT,... or lognormal:MEDIAN:P95", spec);
}

void load_sizes_deinit(struct load_sizes *sizes) { load_weights_deinit(&sizes->weights); }

/* Box and Muller. */
static double normal(struct random_state *random)
{
	double radius = sqrt(-2 * log(1 - uniform(random)));
	return radius * cos(2 * M_PI * uniform(random));
}

uint64_t load_sizes_pick(const struct load_sizes *sizes, struct random_state *random)
{
	double size = sizes->count > 0 ?
		(double)sizes->sizes[load_weights_pick(&sizes->weights, random)] :
		exp(sizes->mu + sizes->sigma * normal(random));
	if (size < (double)sizes->min)
		return sizes->min;
	return size > (double)sizes->max ? sizes->max : (uint64_t)size;
}
