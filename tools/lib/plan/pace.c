/* pace.c: see pace.h. */
#include "plan/pace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

/* This share of the planned seconds must be done before a time is given. */
static const double LEAST = 0.02;

struct pace_tool {
	const char *name;     /* the item's */
	double planned, done; /* planned seconds: of all its processes; of the ended ones */
	double real;          /* what the ended processes took */
	int next;             /* the item after the last one that ended */
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
		p->all_evaluations += strcmp(item->tool, "eval-emotion") == 0;
	}
}

void pace_release(struct pace *p)
{
	worklist_release(&p->work);
	free(p->tool);
	*p = (struct pace){0};
}

/* Planned seconds of the tool's next item, which is taken; 0: there is none. */
static double take_item(const struct pace *p, struct pace_tool *t)
{
	while (t->next < p->work.n && strcmp(p->work.item[t->next].tool, t->name) != 0)
		t->next++;
	return t->next < p->work.n ? p->work.item[t->next++].seconds : 0;
}

void pace_line(struct pace *p, const char *line)
{
	size_t name = strcspn(line, "\t");
	const char *text = line + name + (line[name] == '\t');
	struct pace_tool *t = find_tool(p, line, name);
	double real;

	if (!t || sscanf(text + strcspn(text, "\t"), "%lf", &real) != 1)
		return;
	t->done += take_item(p, t);
	t->real += real;
	p->evaluations += strcmp(t->name, "eval-emotion") == 0;
	p->sites += strncmp(t->name, "solve-", 6) == 0 || strcmp(t->name, "combine-layer") == 0;
}

/* How many times as long as planned a tool's processes take. */
static double factor(const struct pace_tool *t, double mean)
{
	return t->done > 0 ? t->real / t->done : mean;
}

static struct pace_tool total(const struct pace_tool *tool, int n)
{
	struct pace_tool sum = {0};

	for (int k = 0; k < n; k++) {
		sum.planned += tool[k].planned;
		sum.done += tool[k].done;
		sum.real += tool[k].real;
	}
	return sum;
}

/* A process that runs longer than planned counts as ending now. Returns the seconds that the others
 * have run so far. */
static double count_running(const struct pace *p, struct pace_tool *tool,
			    const struct processes *running, double mean)
{
	double begun = 0;

	for (int i = 0; i < running->n; i++)
		for (int k = 0; k < p->tools; k++) {
			struct pace_tool *t = &tool[k];
			double age = running->process[i].age, planned;

			if (!process_is(&running->process[i], t->name))
				continue;
			planned = take_item(p, t);
			if (age < planned * factor(t, mean)) {
				begun += age;
			} else {
				t->done += planned;
				t->real += age;
			}
		}
	return begun;
}

/* Of the processes that have ended and that run. */
static double left_of(const struct pace *p, struct pace_tool *tool, const struct processes *running,
		      double elapsed)
{
	struct pace_tool all = total(tool, p->tools);
	double begun, to_come = 0;

	if (all.done < LEAST * all.planned || all.real <= 0)
		return -1;
	begun = count_running(p, tool, running, all.real / all.done);
	all = total(tool, p->tools);
	for (int k = 0; k < p->tools; k++)
		to_come += (tool[k].planned - tool[k].done) * factor(&tool[k], all.real / all.done);
	return to_come > begun ? elapsed * (to_come - begun) / (all.real + begun) : 0;
}

double pace_left(const struct pace *p, const struct processes *running, double elapsed)
{
	struct pace_tool *copy = xarray((size_t)p->tools + 1, sizeof(*copy));
	double left;

	memcpy(copy, p->tool, (size_t)p->tools * sizeof(*copy));
	left = left_of(p, copy, running, elapsed);
	free(copy);
	if (left < 0 && p->work.wall > 0)
		left = p->work.wall > elapsed ? p->work.wall - elapsed : 0;
	return left;
}
