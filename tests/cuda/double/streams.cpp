/* streams.cpp: streams and events. Work is queued. In mode 0 it runs at once, in mode 1 only when
 * somebody waits for it, in the other modes also at random moments. Work of one stream keeps its
 * order. Between streams only events give an order. */
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "emu_internal.hpp"

struct CUevent_st {
	CUstream_st *stream = nullptr;
	size_t recorded = 0; /* pieces of the stream's work that precede it */
};

struct CUstream_st {
	struct work {
		const char *what;
		std::function<void()> run;
	};
	std::deque<work> queue;
	size_t queued = 0, done = 0; /* pieces of work so far */
};

namespace emu {
namespace {

auto &streams = *new std::vector<std::unique_ptr<CUstream_st>>; /* never destroyed */

void run_one(CUstream_st *s)
{
	CUstream_st::work w = std::move(s->queue.front());

	s->queue.pop_front();
	w.run();
	s->done++;
	check_canaries(w.what);
}

/* The first `upto` pieces of work. */
void run_stream(CUstream_st *s, size_t upto)
{
	while (s->done < upto && !s->queue.empty())
		run_one(s);
}

CUstream_st *check(cudaStream_t stream, const char *what)
{
	if (!stream)
		fail("%s: the NULL stream, which waits for all others", what);
	return stream;
}

void run_some()
{
	while (chance()() % 2) {
		CUstream_st *s = streams[chance()() % streams.size()].get();

		run_stream(s, s->done + chance()() % 4);
	}
}

} // namespace

void enqueue(cudaStream_t stream, const char *what, std::function<void()> run)
{
	CUstream_st *s = check(stream, what);

	s->queue.push_back({what, std::move(run)});
	s->queued++;
	if (mode == 0)
		run_stream(s, s->queued);
	else if (mode > 1)
		run_some();
}

void run_everything()
{
	for (const auto &s : streams)
		run_stream(s.get(), s->queued);
}

cudaError_t enqueue_kernel(const char *name, dim3 grid, dim3 block, cudaStream_t stream, std::function<void(const threads &)> run)
{
	size_t n = size_t(block.x) * block.y * block.z;

	if (injected())
		return cudaErrorUnknown;
	if (!n || n > 1024 || !grid.x || !grid.y || !grid.z || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535)
		return cudaErrorInvalidConfiguration;
	if (n % 32)
		fail("%s: a block of %zu threads is no whole number of warps", name, n);
	enqueue(stream, name, [=] { run([&](const thread &body) { run_grid(name, grid, block, body); }); });
	return cudaSuccess;
}

} // namespace emu

using namespace emu;

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned int flags)
{
	if (injected() || flags != cudaStreamNonBlocking)
		return cudaErrorInvalidValue;
	streams.push_back(std::make_unique<CUstream_st>());
	*stream = streams.back().get();
	return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
	CUstream_st *s = check(stream, "cudaStreamSynchronize");

	if (injected())
		return cudaErrorUnknown;
	run_stream(s, s->queued);
	return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int)
{
	CUstream_st *on = event->stream;
	size_t upto = event->recorded;

	if (injected())
		return cudaErrorUnknown;
	if (on) /* an event that was never recorded: nothing to wait for */
		enqueue(stream, "cudaStreamWaitEvent", [=] { run_stream(on, upto); });
	return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned int)
{
	if (injected())
		return cudaErrorUnknown;
	*event = new CUevent_st;
	return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
	CUstream_st *s = check(stream, "cudaEventRecord");

	if (injected())
		return cudaErrorUnknown;
	event->stream = s;
	event->recorded = s->queued;
	return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
	if (injected())
		return cudaErrorUnknown;
	if (event->stream)
		run_stream(event->stream, event->recorded);
	return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
	delete event;
	return injected() ? cudaErrorUnknown : cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream)
{
	if (injected())
		return cudaErrorUnknown;
	range(to, bytes, "cudaMemsetAsync");
	enqueue(stream, "cudaMemsetAsync", [=] { std::memset(range(to, bytes, "cudaMemsetAsync"), value, bytes); });
	return cudaSuccess;
}

static void to_device(void *to, const void *from, size_t bytes, cudaStream_t stream)
{
	const char *const what = "cudaMemcpyAsync to the device";

	if (is_device(from))
		fail("%s: its source is device memory", what);
	range(to, bytes, what);
	if (is_pinned(from)) { /* read when the copy runs */
		enqueue(stream, what, [=] { std::memcpy(range(to, bytes, what), from, bytes); });
		return;
	}
	auto kept = std::make_shared<std::vector<unsigned char>>(static_cast<const unsigned char *>(from), static_cast<const unsigned char *>(from) + bytes);
	enqueue(stream, what, [=] { std::memcpy(range(to, bytes, what), kept->data(), bytes); });
}

static void to_host(void *to, const void *from, size_t bytes, cudaStream_t stream)
{
	const char *const what = "cudaMemcpyAsync to the host";

	if (is_device(to))
		fail("%s: its target is device memory", what);
	range(from, bytes, what);
	if (mode)
		spoil(to, bytes); /* not written until it is waited for */
	enqueue(stream, what, [=] { std::memcpy(to, range(from, bytes, what), bytes); });
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t stream)
{
	if (injected())
		return cudaErrorUnknown;
	if (kind == cudaMemcpyHostToDevice)
		to_device(to, from, bytes, stream);
	else if (kind == cudaMemcpyDeviceToHost)
		to_host(to, from, bytes, stream);
	else
		fail("cudaMemcpyAsync: kind %d is not used here", static_cast<int>(kind));
	return cudaSuccess;
}

} // extern "C"
