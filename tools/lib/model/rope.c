/* rope.c: see rope.h. */
#include "model/rope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/jsonx.h"

/* The object that describes the rotation, and its place in the file. */
struct source {
	const json_t *config, *o; /* rope_parameters or rope_scaling; NULL: neither is there */
	const char *path, *name;
};

/* The keys of each kind, apart from its name, rope_theta and partial_rotary_factor. */
static const struct {
	const char *name;
	enum rope_kind kind;
	const char *key[9];
} KINDS[] = {
	{"default", ROPE_DEFAULT, {NULL}},
	{"linear", ROPE_LINEAR, {"factor"}},
	{"dynamic", ROPE_DYNAMIC, {"factor", "original_max_position_embeddings"}},
	{"llama3",
	 ROPE_LLAMA3,
	 {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"}},
	{"yarn",
	 ROPE_YARN,
	 {"factor", "original_max_position_embeddings", "attention_factor", "beta_fast",
	  "beta_slow", "mscale", "mscale_all_dim", "truncate"}},
};

/* ---- Reading the config ---- */

static bool is_given(const json_t *v)
{
	return v && !json_is_null(v);
}

/* Reads a number above 0. Where the key is absent it is `dflt`; a `dflt` that is not above 0 is
 * die(). */
static double positive(const struct source *s, const char *key, double dflt)
{
	double x = s->o ? jsonx_number_or(s->o, s->path, key, dflt) : dflt;
	if (!(x > 0 && isfinite(x)))
		die("'%s': %s: %s: expected a number above 0, found %g", s->path, s->name, key, x);
	return x;
}

static int find_kind(const struct source *s)
{
	const char *name = "default";
	if (s->o)
		name = jsonx_string_or(s->o, s->path, "rope_type",
				       jsonx_string_or(s->o, s->path, "type", name));
	for (size_t i = 0; i < sizeof(KINDS) / sizeof(*KINDS); i++)
		if (strcmp(name, KINDS[i].name) == 0)
			return (int)i;
	die("'%s': %s: rope_type: expected default, linear, dynamic, llama3 or yarn, found '%s'",
	    s->path, s->name, name);
}

static bool is_key_of(int kind, const char *key)
{
	static const char *const COMMON[] = {"rope_type", "type", "rope_theta",
					     "partial_rotary_factor"};
	for (size_t i = 0; i < sizeof(COMMON) / sizeof(*COMMON); i++)
		if (strcmp(key, COMMON[i]) == 0)
			return true;
	for (int i = 0; KINDS[kind].key[i]; i++)
		if (strcmp(key, KINDS[kind].key[i]) == 0)
			return true;
	return false;
}

static void check_keys(const struct source *s, int kind)
{
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)s->o, key, value)
		if (!is_key_of(kind, key) && is_given(value))
			die("'%s': %s: key '%.60s' is not known for rope_type %s%s", s->path,
			    s->name, key, KINDS[kind].name,
			    json_is_object(value) ? ": a rotation of its own for some layers" : "");
}

/* transformers 5 uses rope_scaling as a whole, and rope_parameters only without it. */
static struct source find_source(const json_t *config, const char *path)
{
	static const char *const NAMES[] = {"rope_scaling", "rope_parameters"};
	for (int i = 0; i < 2; i++) {
		const json_t *o = json_object_get(config, NAMES[i]);
		if (!is_given(o))
			continue;
		if (!json_is_object(o))
			die("'%s': %s: expected an object", path, NAMES[i]);
		if (json_object_size(o))
			return (struct source){config, o, path, NAMES[i]};
	}
	return (struct source){config, NULL, path, "config.json"};
}

/* transformers 5 prefers the config's own key, transformers 4 the object's. */
static double original_positions(const struct source *s, int positions)
{
	const char *key = "original_max_position_embeddings";
	double own = jsonx_number_or(s->config, s->path, key, 0);
	double given = positive(s, key, own > 0 ? own : positions);
	if (own > 0 && own != given)
		die("'%s': %s is %g, and %g in %s, of which versions of transformers take "
		    "different ones: make them equal",
		    s->path, key, own, given, s->name);
	return given;
}

/* How much of a head is turned. */
static int turned_width(const struct source *s, int width, bool partial)
{
	const char *key = "partial_rotary_factor";
	double part = jsonx_number_or(s->config, s->path, key, 1);
	part = s->o ? jsonx_number_or(s->o, s->path, key, part) : part;
	if (part != 1 && !partial)
		die("'%s': %s is %g: heads that are rotated in part are not supported", s->path,
		    key, part);
	if (!(part > 0 && part <= 1))
		die("'%s': %s: expected a number above 0, at most 1, found %g", s->path, key, part);
	int turned = (int)(width * part);
	if (turned < 1 || turned % 2)
		die("'%s': head_dim%s: expected an even number for rotary positions, found %d",
		    s->path, part < 1 ? " · partial_rotary_factor" : "", turned);
	return turned;
}

/* yarn's default: 0.1 ln(factor) + 1, or the ratio of two such values. */
static double yarn_scale(double factor, double m)
{
	return factor <= 1 ? 1 : 0.1 * m * log(factor) + 1;
}

static void read_yarn(struct rope *r, const struct source *s, int positions)
{
	double m = jsonx_number_or(s->o, s->path, "mscale", 0),
	       all = jsonx_number_or(s->o, s->path, "mscale_all_dim", 0);
	r->original = original_positions(s, positions);
	r->factor = positive(s, "factor", positions / r->original);
	r->fast = jsonx_number_or(s->o, s->path, "beta_fast", 0);
	r->slow = jsonx_number_or(s->o, s->path, "beta_slow", 0);
	r->fast = r->fast != 0 ? positive(s, "beta_fast", 32) : 32;
	r->slow = r->slow != 0 ? positive(s, "beta_slow", 1) : 1;
	r->truncate = jsonx_bool_or(s->o, s->path, "truncate", true);
	r->attention =
		positive(s, "attention_factor",
			 m != 0 && all != 0 ? yarn_scale(r->factor, m) / yarn_scale(r->factor, all)
					    : yarn_scale(r->factor, 1));
}

static void read_llama3(struct rope *r, const struct source *s, int positions)
{
	r->original = original_positions(s, positions);
	r->low = positive(s, "low_freq_factor", 0);
	r->high = positive(s, "high_freq_factor", 0);
	if (!(r->low < r->high))
		die("'%s': %s: expected low_freq_factor below high_freq_factor, found %g and %g",
		    s->path, s->name, r->low, r->high);
}

struct rope rope_read(const json_t *config, const char *path, int positions, int width,
		      bool partial)
{
	struct source s = find_source(config, path);
	int kind = find_kind(&s);
	struct rope r = {.kind = KINDS[kind].kind, .factor = 1, .attention = 1};

	check_keys(&s, kind);
	r.width = turned_width(&s, width, partial);
	r.theta = positive(&s, "rope_theta", jsonx_number_or(config, path, "rope_theta", 10000));
	if (!(r.theta > 0 && isfinite(r.theta)))
		die("'%s': rope_theta: expected a number above 0, found %g", path, r.theta);
	if (r.kind == ROPE_LINEAR || r.kind == ROPE_LLAMA3 || r.kind == ROPE_DYNAMIC)
		r.factor = positive(&s, "factor", 0);
	if (r.kind == ROPE_DYNAMIC)
		r.longest = positions;
	if (r.kind == ROPE_LLAMA3)
		read_llama3(&r, &s, positions);
	if (r.kind == ROPE_YARN)
		read_yarn(&r, &s, positions);
	return r;
}

/* ---- Angles ---- */

static double llama3_frequency(const struct rope *r, double f)
{
	double wave = 2 * M_PI / f, s;
	if (wave < r->original / r->high)
		return f;
	if (wave > r->original / r->low)
		return f / r->factor;
	s = (r->original / wave - r->low) / (r->high - r->low);
	return (1 - s) * f / r->factor + s * f;
}

/* The pair, as a real number, that makes this many turns over the original positions. */
static double yarn_pair(const struct rope *r, double turns)
{
	return r->width * log(r->original / (turns * 2 * M_PI)) / (2 * log(r->theta));
}

static double yarn_frequency(const struct rope *r, double f, int i)
{
	double low = yarn_pair(r, r->fast), high = yarn_pair(r, r->slow), ramp;
	if (r->truncate) {
		low = floor(low);
		high = ceil(high);
	}
	low = fmax(low, 0);
	high = fmin(high, r->width - 1);
	high = low == high ? high + 0.001 : high; /* no division by zero, as in transformers */
	ramp = fmin(fmax((i - low) / (high - low), 0), 1);
	return f / r->factor * ramp + f * (1 - ramp);
}

static double frequency(const struct rope *r, int i)
{
	double f = pow(r->theta, -2.0 * i / r->width);
	switch (r->kind) {
	case ROPE_LINEAR: f /= r->factor; break;
	case ROPE_LLAMA3: f = llama3_frequency(r, f); break;
	case ROPE_YARN: f = yarn_frequency(r, f, i); break;
	default: break;
	}
	return (double)(float)f;
}

void rope_table(const struct rope *r, int T, float *table)
{
	int half = r->width / 2;
	for (int i = 0; i < half; i++) {
		double f = frequency(r, i);
		for (int p = 0; p < T; p++) {
			float *row = table + (size_t)p * (size_t)r->width;
			row[i] = (float)(r->attention * cos(p * f));
			row[half + i] = (float)(r->attention * sin(p * f));
		}
	}
}
