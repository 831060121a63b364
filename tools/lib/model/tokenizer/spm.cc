/* spm.cc: implements spm.h with the sentencepiece C++ library (0.1.97 or later).
 *
 * Why a file of its own: the library has no C interface. No C++ object or exception leaves this
 * file: every function catches everything, and returns plain memory from malloc.
 *
 * The model file is read here and given to the library as bytes. A folder, a missing file or a file
 * of absurd size is then reported in our words and never reaches the protobuf parser.
 *
 * Why a Viterbi of our own: two segmentations of a text can have the same score (`??` + `?` and `?`
 * + `??`). The last bit of the sums then decides, and versions of the library sum differently. Up
 * to 0.2.1 a candidate's sum is a double that is compared with a float; from 0.2.2 on all sums are
 * floats. About one text in 600 is split differently.
 *
 * Ids must not depend on the installed library. So the library only normalises, and this file finds
 * the best path of a unigram model as 0.2.2 and later versions do. */
#include "model/tokenizer/spm.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace
{

struct piece {
	std::string_view text; /* points into the processor */
	int id;
	float score;
};

/* The best path to a position in the text: its score and its last piece. */
struct path {
	float score = 0;
	int from = -1; /* where the last piece begins; -1: not reached */
	int id = -1;
};

/* A piece of a normalised text: its bytes [from, to). */
struct span {
	int id;
	size_t from, to;
};

struct encoding {
	std::string normalised;
	std::vector<span> spans;
};

} // namespace

struct spm {
	sentencepiece::SentencePieceProcessor processor;
	bool unigram = false;
	std::vector<piece> pieces; /* the pieces that a text can be split into, sorted by text */
	float unknown_score = 0;
};

namespace
{

/* The largest published vocabularies (256 000 pieces) take under 5 MB. */
constexpr size_t kMaxModel = 64u << 20;

/* Field 3 of the model (the normaliser's settings): {3: add_dummy_prefix = false}. protobuf merges
 * a message that a file holds twice. So these bytes, appended to the file, change only this
 * setting. */
constexpr char kNoPrefix[] = {3 << 3 | 2, 2, 3 << 3, 0};

struct file_close {
	void operator()(FILE *f) const
	{
		fclose(f);
	}
};

void set_error(char **error, const char *text)
{
	if (error)
		*error = strdup(text);
}

/* Reads the whole file. On failure the result is empty, and *error is set. */
std::string read_model(const char *path, char **error)
{
	std::string bytes;
	std::unique_ptr<FILE, file_close> f(fopen(path, "rb"));
	if (!f) {
		set_error(error, strerror(errno));
		return bytes;
	}
	char buf[65536];
	size_t n;
	while ((n = fread(buf, 1, sizeof buf, f.get())) > 0) {
		bytes.append(buf, n);
		if (bytes.size() > kMaxModel) {
			set_error(error, "larger than 64 MiB: no sentencepiece model");
			return std::string();
		}
	}
	if (ferror(f.get())) {
		set_error(error, strerror(errno));
		return std::string();
	}
	if (bytes.empty())
		set_error(error, "empty file");
	return bytes;
}

/* Only unigram models offer n-best lists. */
bool is_unigram(const sentencepiece::SentencePieceProcessor &p)
{
	std::vector<std::vector<int>> nbest;
	return p.NBestEncode("a", 1, &nbest).ok();
}

void list_pieces(spm *s)
{
	const auto &p = s->processor;
	float lowest = std::numeric_limits<float>::max();
	for (int id = 0; id < p.GetPieceSize(); id++) {
		if (p.IsControl(id) || p.IsUnknown(id) || p.IsByte(id) || p.IsUnused(id))
			continue;
		s->pieces.push_back({p.IdToPiece(id), id, p.GetScore(id)});
		lowest = std::min(lowest, p.GetScore(id));
	}
	std::sort(s->pieces.begin(), s->pieces.end(),
		  [](const piece &a, const piece &b) { return a.text < b.text; });
	s->unknown_score = lowest - 10.0f; /* sentencepiece's penalty for an unknown character */
}

/* Bytes of the UTF-8 character that starts with this byte; 1 for a stray byte. */
int char_bytes(unsigned char first)
{
	return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

void offer(path *to, float score, int from, int id)
{
	if (to->from == -1 || score > to->score)
		*to = {score, from, id};
}

/* The score of a learned piece is its log probability. A score of 0 marks a piece that a user has
 * defined: it must always win, and of two the longer one. */
float piece_score(const piece &p)
{
	return p.score != 0 ? p.score : (float)(0.1 * ((double)p.text.size() - 1));
}

/* Offers all pieces that start at `from`. Each further byte narrows the sorted list to the pieces
 * that begin with the bytes so far. */
void offer_pieces(const spm *s, const std::string &text, int from, int character,
		  std::vector<path> *best)
{
	auto lo = s->pieces.begin(), hi = s->pieces.end();
	bool single = false;
	const float here = (*best)[from].score;

	for (size_t n = 0; from + n < text.size(); n++) {
		const unsigned char c = (unsigned char)text[from + n];
		const auto before = [=](const piece &p) {
			return p.text.size() <= n || (unsigned char)p.text[n] < c;
		};
		const auto same = [=](const piece &p) { return (unsigned char)p.text[n] == c; };
		lo = std::partition_point(lo, hi, before);
		hi = std::partition_point(lo, hi, same);
		if (lo == hi)
			break;
		if (lo->text.size() != n + 1)
			continue;
		offer(&(*best)[from + n + 1], piece_score(*lo) + here, from, lo->id);
		single = single || (int)n + 1 == character;
	}
	if (!single)
		offer(&(*best)[from + character], s->unknown_score + here, from,
		      s->processor.unk_id());
}

/* Float sums lose their last bits when they grow. As in the library, scores restart from 0 at 100
 * 000. */
void rebase(std::vector<path> *best, int from)
{
	const float offset = (*best)[from].score;
	if (offset >= -100000.0f && offset <= 100000.0f)
		return;
	for (size_t i = (size_t)from; i < best->size(); i++)
		if ((*best)[i].from != -1)
			(*best)[i].score -= offset;
}

/* The best segmentation of normalised text. A run of unknown characters is one span. */
std::vector<span> best_spans(const spm *s, const std::string &text)
{
	std::vector<path> best(text.size() + 1);
	std::vector<span> spans;
	const int size = (int)text.size(), unknown = s->processor.unk_id();

	for (int from = 0, character; from < size; from += character) {
		character = std::min(char_bytes((unsigned char)text[from]), size - from);
		rebase(&best, from);
		offer_pieces(s, text, from, character, &best);
	}
	for (int end = size; end > 0; end = best[end].from) {
		const size_t from = (size_t)best[end].from;
		if (best[end].id == unknown && !spans.empty() && spans.back().id == unknown)
			spans.back().from = from;
		else
			spans.push_back({best[end].id, from, (size_t)end});
	}
	std::reverse(spans.begin(), spans.end());
	return spans;
}

/* The library's own pieces, joined. */
bool library_encode(const spm *s, absl::string_view text, encoding *e)
{
	std::vector<std::string> pieces;
	std::vector<int> ids;
	if (!s->processor.Encode(text, &ids).ok() || !s->processor.Encode(text, &pieces).ok() ||
	    ids.size() != pieces.size())
		return false;
	for (size_t i = 0; i < ids.size(); i++) {
		const size_t from = e->normalised.size();
		e->normalised += pieces[i];
		e->spans.push_back({ids[i], from, e->normalised.size()});
	}
	return e->normalised.size() <= (size_t)std::numeric_limits<int>::max() / 2;
}

/* The library's pieces, joined, are the normalised text, except where bytes stand for unknown
 * characters; no T5 model's vocabulary has this. With such bytes, and for models that are not
 * unigram, the library's ids are used. */
bool encode(const spm *s, absl::string_view text, encoding *e)
{
	if (!library_encode(s, text, e))
		return false;
	const auto is_byte = [s](const span &p) { return s->processor.IsByte(p.id); };
	if (s->unigram && std::none_of(e->spans.begin(), e->spans.end(), is_byte))
		e->spans = best_spans(s, e->normalised);
	return true;
}

bool skipped(const spm *s, int id)
{
	return id < 0 || id >= s->processor.GetPieceSize() || s->processor.IsControl(id);
}

} // namespace

extern "C" struct spm *spm_open_bytes(const char *bytes, size_t n, bool prefix, char **error)
{
	if (error)
		*error = nullptr;
	try {
		std::string model(bytes, n);
		if (!prefix)
			model.append(kNoPrefix, sizeof kNoPrefix);
		std::unique_ptr<spm> s(new spm);
		const auto status = s->processor.LoadFromSerializedProto(model);
		if (!status.ok() || s->processor.GetPieceSize() <= 0) {
			set_error(error, "not a sentencepiece model, or a damaged one");
			return nullptr;
		}
		s->unigram = is_unigram(s->processor);
		list_pieces(s.get());
		return s.release();
	} catch (const std::exception &e) {
		set_error(error, e.what());
	} catch (...) {
		set_error(error, "the sentencepiece library failed");
	}
	return nullptr;
}

extern "C" struct spm *spm_open(const char *path, bool prefix, char **error)
{
	if (error)
		*error = nullptr;
	try {
		const std::string bytes = read_model(path, error);
		return bytes.empty() ? nullptr
				     : spm_open_bytes(bytes.data(), bytes.size(), prefix, error);
	} catch (const std::exception &e) {
		set_error(error, e.what());
	} catch (...) {
		set_error(error, "the sentencepiece library failed");
	}
	return nullptr;
}

extern "C" void spm_close(struct spm *s)
{
	try {
		delete s;
	} catch (...) {
	}
}

extern "C" int spm_vocab(const struct spm *s)
{
	try {
		return s->processor.GetPieceSize();
	} catch (...) {
		return 0;
	}
}

extern "C" int spm_find(const struct spm *s, const char *text)
{
	try {
		const int id = s->processor.PieceToId(text);
		return id >= 0 && id < s->processor.GetPieceSize() &&
				       s->processor.IdToPiece(id) == text
			       ? id
			       : -1;
	} catch (...) {
		return -1;
	}
}

extern "C" char *spm_piece(const struct spm *s, int id)
{
	try {
		return id >= 0 && id < s->processor.GetPieceSize()
			       ? strdup(s->processor.IdToPiece(id).c_str())
			       : nullptr;
	} catch (...) {
		return nullptr;
	}
}

extern "C" int spm_encode(const struct spm *s, const char *text, int bytes, spm_take *take,
			  void *arg)
{
	try {
		encoding e;
		if (bytes < 0 || !encode(s, absl::string_view(text, (size_t)bytes), &e))
			return -1;
		for (const span &p : e.spans)
			take(arg, p.id, e.normalised.data() + p.from, (int)(p.to - p.from));
		return (int)e.spans.size();
	} catch (...) {
		return -1;
	}
}

extern "C" char *spm_decode(const struct spm *s, const int *ids, int n)
{
	try {
		std::vector<int> kept;
		for (int i = 0; i < n; i++)
			if (!skipped(s, ids[i]))
				kept.push_back(ids[i]);
		std::string text;
		if (!kept.empty() && !s->processor.Decode(kept, &text).ok())
			return nullptr;
		return strdup(text.c_str());
	} catch (...) {
		return nullptr;
	}
}
