// Hashes over all images of a source, streamed: the content root that identifies it, and the plain SHA-256.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/context.h"
#include "datasets/source.h"
#include "storage/hash.h"

namespace offaxis {

// Calls `visit` with the digests of consecutive rows, `first` being the first of them, in order and on the calling
// thread; they are read and hashed in parallel. What content roots are made of.
void visitRowDigests(const Source& source, const Context& context,
                     const std::function<void(std::uint64_t first, const std::vector<Digest>& digests)>& visit);

// The content root of storage/hash.h over all rows; the same for any number of threads.
Digest contentRoot(const Source& source, const Context& context);

// SHA-256 over the concatenated HWC bytes of all images in index order.
Digest rawSha256(const Source& source, const Context& context);

// Root (hex) over 64 rows of `source`, drawn by Philox(0, stream), hashed as one of `count` images: a glance instead of
// a pass over all of them.
std::string sampledRoot(const Source& source, std::string_view stream, std::uint64_t count);

// Identifies what a source shows, wherever it was opened from: SHA-256 (hex) over 64 fixed rows, images and labels.
// Unlike fingerprint() it tells variants and subsets apart. Runs and results name their sources by it. It is a sample:
// sources that differ in few rows may share it, which sourceDefinition() tells apart as far as they say what they are,
// and contentRoot() always.
std::string sourceIdentity(const Source& source);

// What a source says it is made with, in one line: its variant and settings, and SHA-256 over the grid indices (uint64,
// little-endian) of its rows where they are not all in order. The same for an expression and for the file that was
// emitted from it; what else a file holds it does not say.
//   "original"
//   "modified eps=0.175 psi_sha256=7194.. rows_sha256=02cd.."
std::string sourceDefinition(const Source& source);

// SHA-256 (hex) over the rows of 64 fixed, pseudo-random grid indices of the root: tells two datasets apart at once,
// where the content root would take a pass over all images. The root must hold the full grid.
std::string fingerprint(const Source& root);

// The row digests of rows first .. first + count - 1, whose images [count,H,W,C] the caller has at hand.
std::vector<Digest> rowDigests(const Source& source, std::uint64_t first, std::uint64_t count,
                               const std::uint8_t* images);

}  // namespace offaxis
