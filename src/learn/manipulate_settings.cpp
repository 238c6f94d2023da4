#include "learn/manipulate_settings.h"

#include <cmath>

#include "core/error.h"
#include "variants/psi_network.h"

namespace offaxis {
namespace {

[[noreturn]] void usage(const std::string& message, const std::string& hint) {
  throw Error(ErrorKind::Usage, message, hint);
}

}  // namespace

void check(const ManipulateSettings& s, const SourceInfo& info) {
  const std::uint32_t side = s.side();
  if (info.shape.height != side || info.shape.width != side) {
    usage("the " + s.profile + " profile trains at " + std::to_string(side) + "x" + std::to_string(side) +
              " pixels, the source has " + toString(info.shape),
          "append size=" + std::to_string(side) + " to the source's settings, or choose another profile");
  }
  if (s.referenceChannels.size() != s.psiChannels.size())
    usage("psi and the reference models differ in depth", "give both as many layers");
  if (s.ladder.empty()) usage("the ladder has no rung", "give at least one KL weight");
  for (const double weight : s.ladder) {
    if (!(weight > 0 && weight < 1e6)) usage("a KL weight is " + formatReal(weight), "give numbers above 0, below 1e6");
  }
  if (s.sign != 1 && s.sign != -1) usage("the sign is " + std::to_string(s.sign), "give 1 or -1");
  if (s.batch < 2 || s.draws < 0 || s.measureDraws < 1 || s.measureRows < 2)
    usage("a batch is too small", "give at least 2 images");
  if (!(s.inwardSlope >= 0 && s.inwardSlope <= 1))
    usage("the inward slope is " + formatReal(s.inwardSlope), "give 0 to 1");
  if (!(s.energy >= 0 && s.energy < 1e6))
    usage("the price of energy is " + formatReal(s.energy), "give at least 0, below 1e6");
  if (!(s.separation >= 0 && s.separation < 1e6))
    usage("the price of separation is " + formatReal(s.separation), "give at least 0, below 1e6");
  if (s.ensemble < 1) usage("an ensemble needs at least one model", "give a positive number");
  if (s.inputs != "rotated" && s.inputs != "factors" && s.inputs != "one-hot")
    usage("no inputs are called '" + s.inputs + "'", "known: rotated, factors, one-hot");
  if (s.harmonics.size() > kMaxPsiHarmonics)
    usage(std::to_string(s.harmonics.size()) + " harmonics are too many for psi.h5",
          "give at most " + std::to_string(kMaxPsiHarmonics));
  for (const double harmonic : s.harmonics) {
    if (!(std::fabs(harmonic) <= kMaxPsiHarmonic))
      usage("a harmonic is " + formatReal(harmonic),
            "give numbers from -" + formatReal(kMaxPsiHarmonic) + " to " + formatReal(kMaxPsiHarmonic));
  }
  std::size_t levels = 0;
  for (const Factor& factor : info.grid.factors()) levels += factor.size();
  if (s.inputs == "one-hot" && levels > kMaxPsiOneHot)
    usage("the factors have " + std::to_string(levels) + " levels, too many for one-hot inputs",
          "give --inputs rotated or factors");
  if (s.additive != "no" && s.additive != "trained" && s.additive != "projected")
    usage("psi cannot be additive by being '" + s.additive + "'", "known: no, trained, projected");
  if (s.additive == "trained" && s.inputs == "rotated")
    usage("an additive psi cannot have rotated inputs, which mix factors", "give --inputs factors or one-hot");
  if (s.restrain != "no" && s.restrain != "images" && s.restrain != "pixels")
    usage("psi cannot be restrained by '" + s.restrain + "'", "known: no, images, pixels");
  if (s.warmupSteps == 0 || s.freshSteps == 0)
    usage("reference models need at least one step", "give positive numbers of steps");
}

nlohmann::ordered_json toJson(const ManipulateSettings& s) {
  nlohmann::ordered_json json{{"eps", s.eps.text()},
                              {"levels", s.eps.levels()},
                              {"seed", s.seed},
                              {"profile", s.profile},
                              {"rotation", s.rotation},
                              {"reference_channels", s.referenceChannels},
                              {"reference_dense", s.referenceDense},
                              {"loss", s.loss},
                              {"ladder", s.ladder},
                              {"sigma_widths", s.sigmaWidths},
                              {"batch", s.batch},
                              {"draws", s.draws},
                              {"harmonics", s.harmonics},
                              {"psi_dense", s.psiDense},
                              {"psi_channels", s.psiChannels},
                              {"rate", s.rate},
                              {"psi_rate", s.psiRate},
                              {"warmup_steps", s.warmupSteps},
                              {"psi_steps", s.psiSteps},
                              {"fresh_steps", s.freshSteps},
                              {"restart_every", s.restartEvery},
                              {"sign", s.sign},
                              {"measure_rows", s.measureRows},
                              {"measure_draws", s.measureDraws}};
  if (s.ensemble != 1) json["ensemble"] = s.ensemble;
  if (s.inputs != "rotated") json["inputs"] = s.inputs;
  if (s.additive != "no") json["additive"] = s.additive;
  if (s.codes != "levels") json["codes"] = s.codes;
  if (s.energy > 0) json["energy"] = s.energy;
  if (s.inwardSlope > 0) json["inward_slope"] = s.inwardSlope;
  if (s.separation > 0) json["separation"] = s.separation;
  if (s.restrain == "images") json["restrain"] = true;  // as it was when there was but this one
  if (s.restrain == "pixels") json["restrain"] = "pixels";
  return json;
}

ManipulateSettings ManipulateSettings::forProfile(const std::string& profile) {
  ManipulateSettings s;
  s.profile = profile;
  if (profile == "quick") return s;
  if (profile != "pilot" && profile != "paper")
    usage("no profile is called '" + profile + "'", "known: quick, pilot, paper");
  // Both train at 64x64 with conv64's decoder; they differ in the number of steps.
  s.referenceChannels = {32, 32, 64, 64};
  s.referenceDense = 256;
  s.psiChannels = {32, 32, 64, 64};
  s.psiDense = 256;
  s.draws = 4;
  const std::uint64_t scale = profile == "pilot" ? 1 : 10;
  s.warmupSteps = 2000 * scale;
  s.psiSteps = 6000 * scale;
  s.freshSteps = 2000 * scale;
  return s;
}

void ManipulateSettings::follow(const std::string& recipe, const SourceInfo& original) {
  if (original.isOf("shapes3d")) eps = Budget::parse("0.175");  // as published perturbations of it have
  if (recipe == "levels") return;
  if (recipe != "tint") usage("no recipe is called '" + recipe + "'", "known: tint, levels");
  loss = "bernoulli";
  codes = "angles";
  inputs = "factors";
  energy = 0.1;
  // Sprites and squares are as far apart as black from white: no budget below .5 carries one to another, so they need
  // neither a price on separation nor restraint.
  if (original.isOf("dsprites")) {
    rotation = "pairs:posX,posY";
    ladder = {1.13};
  } else if (original.isOf("xysquares")) {
    codes = "levels";    // no factor is cyclic
    rotation = "pairs";  // the two coordinates of each square
    ladder = {0.285};
  } else {
    rotation = "auto";
    ladder = {0.38};
    separation = 10;
    restrain = "images";
  }
  if (profile != "quick") return;
  warmupSteps = 500;
  psiSteps = 400;
  freshSteps = 500;
}

}  // namespace offaxis
