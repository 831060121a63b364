/* pace.c: see pace.h. */
#include "plan/pace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

/* Of the planned seconds, before anything is said. */
static const double LEAST = 0.02;

struct pace_tool {
	const char *name;     /* the item's */
	double planned, done; /* planned seconds: of all its processes, and of those that ended */
	double real;          /* what these took */
	double mean;          /* planned seconds of one */
	int n, next;          /* its processes; the item after the last that ended */
};

static struct pace_tool *find_tool(const struct pace *p, const char *name, size_t length)
{
	for (int i = 0; i < p->tools; i++)
		if (strncmp(p->tool[i].name, name, length) == 0 && !p->tool[i].name[length])
			return &p->tool[i];
	return NULL;
}

static struct pace_tool *tool_of(struct pace *p, const char *name)
{
	struct pace_tool *t = find_tool(p, name, strlen(name));

	if (t)
		return t;
	p->tool = xrealloc(p->tool, (size_t)(p->tools + 1) * sizeof(*p->tool));
	p->tool[p->tools] = (struct pace_tool){.name = name};
	return &p->tool[p->tools++];
}

void pace_begin(struct pace *p, struct worklist *work)
{
	pace_release(p);
	p->work = *work;
	*work = (struct worklist){0};
	for (int i = 0; i < p->work.n; i++) {
		const struct work_item *item = &p->work.item[i];
		struct pace_tool *t = tool_of(p, item->tool);

		t->planned += item->seconds;
		t->n++;
		p->all_evaluations += strcmp(item->tool, "eval-emotion") == 0;
	}
}

void pace_release(struct pace *p)
{
	worklist_release(&p->work);
	free(p->tool);
	*p = (struct pace){0};
}

/* The tool's next item has ended. */
static void advance(struct pace *p, struct pace_tool *t)
{
	while (t->next < p->work.n && strcmp(p->work.item[t->next].tool, t->name) != 0)
		t->next++;
	if (t->next < p->work.n)
		t->done += p->work.item[t->next++].seconds;
}

void pace_line(struct pace *p, const char *line)
{
	size_t name = strcspn(line, "\t");
	const char *text = line + name + (line[name] == '\t');
	struct pace_tool *t = find_tool(p, line, name);
	double real;

	if (!t || sscanf(text + strcspn(text, "\t"), "%lf", &real) != 1)
		return;
	advance(p, t);
	t->real += real;
	p->evaluations += strcmp(t->name, "eval-emotion") == 0;
	p->sites += strncmp(t->name, "solve-", 6) == 0 || strcmp(t->name, "combine-layer") == 0;
}

/* How many times as long as planned a tool's processes take. */
static double factor(const struct pace_tool *t, double mean)
{
	return t->done > 0 ? t->real / t->done : mean;
}

/* What the running processes have done of what is to come. */
static double begun(const struct pace *p, const struct processes *running, double mean,
		    double *ages)
{
	double sum = 0;

	*ages = 0;
	for (int i = 0; i < running->n; i++)
		for (int k = 0; k < p->tools; k++) {
			const struct pace_tool *t = &p->tool[k];
			double age = running->process[i].age, most;

			if (!process_is(&running->process[i], t->name))
				continue;
			most = t->planned / t->n * factor(t, mean);
			*ages += age;
			sum += age < most ? age : most;
		}
	return sum;
}

double pace_left(const struct pace *p, const struct processes *running, double elapsed)
{
	double planned = 0, done = 0, real = 0, to_come = 0, ages, mean, left;

	for (int k = 0; k < p->tools; k++) {
		planned += p->tool[k].planned;
		done += p->tool[k].done;
		real += p->tool[k].real;
	}
	if (done < LEAST * planned || real <= 0)
		return -1;
	mean = real / done;
	for (int k = 0; k < p->tools; k++)
		to_come += (p->tool[k].planned - p->tool[k].done) * factor(&p->tool[k], mean);
	left = to_come - begun(p, running, mean, &ages);
	return left > 0 ? elapsed * left / (real + ages) : 0;
}
