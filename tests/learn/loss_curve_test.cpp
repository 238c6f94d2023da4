#include "learn/loss_curve.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace offaxis {
namespace {

std::string phaseOf(std::uint64_t step) {
  return step <= 50 ? "warmup" : "psi";
}

// Rung 0: entangled rec = step, KL 2, disentangled 1, 1; rung 1 ten times that.
void addStep(LossCurve& curve, std::uint64_t step) {
  const auto rec = static_cast<double>(step);
  curve.add(step, {0.5, 0.25, 0.125}, {{rec, 2}, {1, 1}, {10 * rec, 20}, {10, 10}});
}

TEST(LossCurve, PointsAreMeansOverStretches) {
  LossCurve curve(2);
  EXPECT_EQ(curve.status(1), "");
  for (std::uint64_t step = 1; step <= 120; ++step) addStep(curve, step);
  const auto points = curve.toJson({3, 5}, phaseOf);
  ASSERT_EQ(points.size(), 2u) << "the last 20 steps are no stretch yet";
  EXPECT_EQ(points[0].at("step"), 50);
  EXPECT_EQ(points[0].at("phase"), "warmup");
  EXPECT_EQ(points[1].at("phase"), "psi");
  EXPECT_EQ(points[1].at("mean_abs_m"), 0.5);
  EXPECT_EQ(points[1].at("saturated_share"), 0.25);
  EXPECT_EQ(points[1].at("clipped_share"), 0.125);
  const auto& rungs = points[1].at("rungs");
  EXPECT_EQ(rungs[0].at("L_ent"), 75.5);  // of 51 .. 100
  EXPECT_EQ(rungs[0].at("L_dis"), 1);
  EXPECT_EQ(rungs[0].at("KL_ent"), 2);
  EXPECT_EQ(rungs[0].at("J_ent_minus_J_dis"), 75.5 - 1 + 3 * (2 - 1));
  EXPECT_EQ(rungs[1].at("J_ent_minus_J_dis"), 755 - 10 + 5 * (20 - 10));
  EXPECT_EQ(curve.status(5), "L_ent 1105  L_dis 10  J_ent-J_dis 1145") << "of the last rung, since the last point";
}

TEST(LossCurve, GoesOnFromItsState) {
  LossCurve whole(2), first(2), second(2);
  for (std::uint64_t step = 1; step <= 170; ++step) addStep(whole, step);
  for (std::uint64_t step = 1; step <= 70; ++step) addStep(first, step);
  const std::vector<double> state = first.state();
  ASSERT_TRUE(second.resume(state.data(), state.size()));
  for (std::uint64_t step = 71; step <= 170; ++step) addStep(second, step);
  EXPECT_EQ(second.state(), whole.state());
  EXPECT_EQ(second.toJson({1, 1}, phaseOf), whole.toJson({1, 1}, phaseOf));
  for (const std::size_t count : {std::size_t{0}, std::size_t{5}, state.size() - 1, state.size() + 1})
    EXPECT_FALSE(second.resume(std::vector<double>(count).data(), count)) << count;
  EXPECT_EQ(second.state(), whole.state()) << "what is refused changes nothing";
}

}  // namespace
}  // namespace offaxis
