/* An evaluation's result, as the tables read it. */
#include "merge/scores.h"
#include "fuzz.h"

static void load(void)
{
	const struct score s = score_read(fuzz_folder(), "task", true);
	const struct score *model = &s;
	const struct strlist tasks = {.item = (char *[]){"task"}, .n = 1};
	struct text t = {0};

	scores_remarks(&t, &tasks, &model, 1, 0);
	score_kept(s.accuracy, s.accuracy, 100, 1, "%");
	text_release(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	fuzz_file("task.json", data, n);
	SURVIVE(load());
	return 0;
}
