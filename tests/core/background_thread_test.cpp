#include "core/background_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

namespace offaxis {
namespace {

TEST(BackgroundThread, TakesOneTaskAfterTheOtherOnOneThread) {
  BackgroundThread background;
  background.wait();  // nothing was begun
  std::thread::id first, second;
  ASSERT_TRUE(background.start([&] { first = std::this_thread::get_id(); }));
  background.wait();
  ASSERT_TRUE(background.start([&] { second = std::this_thread::get_id(); }));
  background.wait();
  EXPECT_EQ(first, second);
  EXPECT_NE(first, std::this_thread::get_id());
}

TEST(BackgroundThread, RunsBesideTheCaller) {
  BackgroundThread background;
  std::atomic<bool> goOn{false}, done{false};
  ASSERT_TRUE(background.start([&] {
    while (!goOn) std::this_thread::yield();
    done = true;
  }));
  EXPECT_FALSE(done);
  goOn = true;  // had start() waited for the task, this line would not be reached
  background.wait();
  EXPECT_TRUE(done);
}

TEST(BackgroundThread, GivesAnErrorOnceToWhoWaits) {
  BackgroundThread background;
  ASSERT_TRUE(background.start([] { throw std::runtime_error("no"); }));
  EXPECT_THROW(background.wait(), std::runtime_error);
  EXPECT_NO_THROW(background.wait());
  ASSERT_TRUE(background.start([] { throw std::runtime_error("nobody asks"); }));
  ASSERT_TRUE(background.start([] {}));
  EXPECT_NO_THROW(background.wait());
}

TEST(BackgroundThread, EndsAfterItsTask) {
  std::atomic<int> done{0};
  for (int i = 0; i < 50; ++i) {
    BackgroundThread background;
    ASSERT_TRUE(background.start([&] { ++done; }));
  }
  EXPECT_EQ(done, 50);
}

}  // namespace
}  // namespace offaxis
