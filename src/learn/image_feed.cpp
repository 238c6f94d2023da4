#include "learn/image_feed.h"

#include <algorithm>
#include <utility>

#include "core/parallel.h"
#include "learn/device.h"

namespace offaxis {
namespace {

torch::Tensor emptyImages(const Source& source, std::int64_t count, torch::Device device) {
  const ImageShape& shape = source.info().shape;
  return torch::empty({count, shape.height, shape.width, shape.channels},
                      torch::TensorOptions(torch::kUInt8).device(device));
}

}  // namespace

ImageFeed::ImageFeed(SourcePtr source, torch::Device device, const Context& context, Reads reads)
    : source_(std::move(source)), device_(device), readsAhead_(context.threads > 1) {
  if (device_.is_cpu() || reads == Reads::Few) return;
  const auto count = static_cast<std::int64_t>(source_->size());
  const std::uint64_t bytes = source_->info().shape.bytes();
  try {
    // Twice the size, given back at once: what training itself needs must still fit beside the images.
    static_cast<void>(emptyImages(*source_, 2 * count, device_));
    resident_ = emptyImages(*source_, count, device_);
  } catch (const c10::Error&) {
    resident_ = torch::Tensor();
    context.note("the images do not fit on " + device_.str() + "; sending each batch");
    return;
  }
  constexpr std::int64_t kBlock = 4096;
  torch::Tensor block = emptyImages(*source_, std::min(kBlock, count), torch::kCPU);
  for (std::int64_t first = 0; first < count; first += kBlock) {
    const std::int64_t rows = std::min(kBlock, count - first);
    std::uint8_t* images = block.data_ptr<std::uint8_t>();
    parallelFor(context, static_cast<std::uint64_t>(rows), 64, [&](std::uint64_t begin, std::uint64_t end, int) {
      source_->readRange(static_cast<std::uint64_t>(first) + begin, end - begin, images + begin * bytes);
    });
    resident_.slice(0, first, first + rows).copy_(block.slice(0, 0, rows));
  }
}

torch::Tensor ImageFeed::gather(const std::vector<std::int64_t>& rows) {
  torch::Tensor bytes;
  if (resident_.defined()) {
    bytes = resident_.index_select(0, sentTo(device_, torch::tensor(rows, torch::kInt64)));
  } else {
    if (std::exchange(announced_, false) && next_.rows == rows) {
      reader_.wait();
      std::swap(current_, next_);
    } else {
      current_.rows = rows;
      prepare(current_);
      read(current_);
    }
    bytes = sentTo(device_, current_.images);
  }
  // [B,H,W,C] seen as [B,C,H,W] is channels last already: nothing moves.
  return bytes.to(torch::kFloat32).div_(255.0).permute({0, 3, 1, 2});
}

void ImageFeed::announce(std::vector<std::int64_t> rows) {
  if (!readsAhead_ || resident_.defined()) return;
  try {
    reader_.wait();
  } catch (...) {  // of rows that were announced and never asked for
  }
  next_.rows = std::move(rows);
  prepare(next_);
  announced_ = reader_.start([this] { read(next_); });
}

void ImageFeed::prepare(Batch& batch) const {
  const auto count = static_cast<std::int64_t>(batch.rows.size());
  if (!batch.images.defined() || batch.images.size(0) != count)
    batch.images = emptyImages(*source_, count, torch::kCPU);
}

void ImageFeed::read(Batch& batch) const {
  const std::uint64_t imageBytes = source_->info().shape.bytes();
  std::uint8_t* image = batch.images.data_ptr<std::uint8_t>();
  for (const std::int64_t row : batch.rows) {
    source_->read(static_cast<std::uint64_t>(row), image);
    image += imageBytes;
  }
}

}  // namespace offaxis
