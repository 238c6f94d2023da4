#include "learn/image_feed.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <numeric>
#include <thread>

#include "core/error.h"

namespace offaxis {
namespace {

constexpr std::uint64_t kBroken = 40;  // the row that cannot be read

// 64 images of 4x4 pixels, each full of its own number.
class Numbered final : public Source {
 public:
  Numbered() {
    std::vector<double> levels(64);
    std::iota(levels.begin(), levels.end(), 0.0);
    info_.dataset = "numbered";
    info_.grid = FactorGrid({{"number", FactorKind::Ordinal, levels}});
    info_.shape = {4, 4, 1};
  }
  const SourceInfo& info() const override { return info_; }
  void read(std::uint64_t row, std::uint8_t* image) const override {
    if (row == kBroken) throw Error(ErrorKind::BadFile, "image 40 is damaged");
    if (std::this_thread::get_id() != owner_) ++readElsewhere;
    std::memset(image, static_cast<int>(row), 16);
  }

  mutable std::atomic<int> readElsewhere{0};

 private:
  std::thread::id owner_ = std::this_thread::get_id();
  SourceInfo info_;
};

std::vector<int> numbersOf(const torch::Tensor& images) {
  EXPECT_EQ(images.sizes().slice(1), (std::vector<std::int64_t>{1, 4, 4}));
  std::vector<int> numbers;
  for (std::int64_t i = 0; i < images.size(0); ++i) {
    EXPECT_TRUE(images[i].eq(images[i][0][0][0]).all().item<bool>());
    numbers.push_back(static_cast<int>(std::lround(images[i][0][0][0].item<double>() * 255)));
  }
  return numbers;
}

TEST(ImageFeed, ReadsWhatIsAnnouncedOnAnotherThread) {
  const auto source = std::make_shared<Numbered>();
  ImageFeed feed(source, torch::kCPU, {2, nullptr, nullptr});
  EXPECT_EQ(numbersOf(feed.gather({1, 2, 3})), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(source->readElsewhere, 0);
  feed.announce({7, 8});
  EXPECT_EQ(numbersOf(feed.gather({7, 8})), (std::vector<int>{7, 8}));
  EXPECT_EQ(source->readElsewhere, 2);
  // Of another size, and read again, which was not announced again.
  feed.announce({9, 10, 11, 12});
  EXPECT_EQ(numbersOf(feed.gather({9, 10, 11, 12})), (std::vector<int>{9, 10, 11, 12}));
  EXPECT_EQ(numbersOf(feed.gather({9, 10, 11, 12})), (std::vector<int>{9, 10, 11, 12}));
  EXPECT_EQ(source->readElsewhere, 6);
}

TEST(ImageFeed, GivesWhatIsAskedForWhateverWasAnnounced) {
  ImageFeed feed(std::make_shared<Numbered>(), torch::kCPU, {2, nullptr, nullptr});
  feed.announce({7, 8});
  EXPECT_EQ(numbersOf(feed.gather({8, 7})), (std::vector<int>{8, 7}));
  feed.announce({1});
  feed.announce({2});
  EXPECT_EQ(numbersOf(feed.gather({2})), (std::vector<int>{2}));
  for (std::int64_t i = 0; i < 30; ++i) {
    feed.announce({i + 1, i + 2});
    EXPECT_EQ(numbersOf(feed.gather({i, 63})), (std::vector<int>{static_cast<int>(i), 63}));
  }
}

TEST(ImageFeed, WithoutASecondThreadReadsWhenAsked) {
  const auto source = std::make_shared<Numbered>();
  ImageFeed feed(source, torch::kCPU, {1, nullptr, nullptr});
  feed.announce({7, 8});
  EXPECT_EQ(numbersOf(feed.gather({7, 8})), (std::vector<int>{7, 8}));
  EXPECT_EQ(source->readElsewhere, 0);
}

TEST(ImageFeed, AnErrorComesOutOfTheGatherItBelongsTo) {
  ImageFeed feed(std::make_shared<Numbered>(), torch::kCPU, {2, nullptr, nullptr});
  feed.announce({1, kBroken});
  try {
    feed.gather({1, kBroken});
    ADD_FAILURE() << "the damaged image was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::BadFile);
  }
  EXPECT_EQ(numbersOf(feed.gather({5})), std::vector<int>{5});
  feed.announce({kBroken});  // and never asked for
  EXPECT_EQ(numbersOf(feed.gather({6})), std::vector<int>{6});
  feed.announce({3});
  EXPECT_EQ(numbersOf(feed.gather({3})), std::vector<int>{3});
}

}  // namespace
}  // namespace offaxis
