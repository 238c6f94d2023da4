#include "learn/objectives.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "learn/bernoulli.h"
#include "learn/probe.h"
#include "learn/trainer.h"

namespace offaxis {
namespace {

// A deterministic code: no noise, no prior.
class Autoencoder final : public Objective {
 public:
  explicit Autoencoder(const ObjectiveSettings& settings) : settings_(settings) {}

  Losses evaluate(Encoder& encoder, Decoder& decoder, const Batch& batch) const override {
    const torch::Tensor mu = encoder->forward(batch.images).first;
    const torch::Tensor rec = pixelLoss(settings_.loss, decoder->forward(mu), batch.images);
    return {rec, rec, torch::zeros({}, rec.options())};
  }

 private:
  ObjectiveSettings settings_;
};

// rec + beta KL (Higgins et al., ICLR 2017; beta 1 is Kingma and Welling's VAE).
class BetaVae final : public Objective {
 public:
  explicit BetaVae(const ObjectiveSettings& settings) : settings_(settings) {}

  Losses evaluate(Encoder& encoder, Decoder& decoder, const Batch& batch) const override {
    const auto [mu, logVariance] = encoder->forward(batch.images);
    const torch::Tensor z = mu + (0.5 * logVariance).exp() * batch.eta;
    const torch::Tensor rec = pixelLoss(settings_.loss, decoder->forward(z), batch.images);
    const torch::Tensor kl = gaussianKl(mu, logVariance).sum(1).mean();
    return {rec + settings_.beta * kl, rec, kl};
  }

 private:
  ObjectiveSettings settings_;
};

// rec + KL + (beta - 1) TC (Chen et al., NeurIPS 2018): only the dependence between latents is punished more.
class BetaTcVae final : public Objective {
 public:
  explicit BetaTcVae(const ObjectiveSettings& settings) : settings_(settings) {
    if (settings.beta < 1) {  // it would reward dependence
      throw Error(ErrorKind::Usage, "beta-tcvae's beta is " + formatReal(settings.beta), "give 1 or more: --beta 8");
    }
  }

  Losses evaluate(Encoder& encoder, Decoder& decoder, const Batch& batch) const override {
    const auto [mu, logVariance] = encoder->forward(batch.images);
    const torch::Tensor z = mu + (0.5 * logVariance).exp() * batch.eta;
    const torch::Tensor rec = pixelLoss(settings_.loss, decoder->forward(z), batch.images);
    const torch::Tensor kl = gaussianKl(mu, logVariance).sum(1).mean();
    return {rec + kl + (settings_.beta - 1) * totalCorrelation(z, mu, logVariance), rec, kl};
  }

 private:
  ObjectiveSettings settings_;
};

// What PCL trains beside its encoder: v, w and b of each code, [3,L], and a and m, as below.
struct PclHead : torch::nn::Module {
  explicit PclHead(int latents) {
    terms = register_parameter("terms", torch::zeros({3, latents}));
    rest = register_parameter("rest", torch::zeros({2}));
    const torch::NoGradGuard noGrad;
    terms[0].fill_(1.0);
    terms[1].fill_(-1.0);
  }
  torch::Tensor terms, rest;
};

// Permutation-contrastive learning (Hyvarinen and Morioka, AISTATS 2017): logistic regression tells pairs of successive
// images (x, x') from pairs of images that do not belong together, by
//   r(x, x') = m + a sum_i h_i(x')^2 - sum_i |v_i h_i(x') + w_i h_i(x) + b_i|
// (their form for Laplace-distributed innovations), h the encoder's means. Not variational, and no decoder: the codes
// owe nothing to the images' variances.
class PermutationContrastive final : public Objective {
 public:
  explicit PermutationContrastive(const ObjectiveSettings& settings) : head_(settings.latents) {}

  Losses evaluate(Encoder& encoder, Decoder&, const Batch& batch) const override {
    const torch::Tensor now = encoder->forward(batch.images).first;
    const torch::Tensor next = encoder->forward(batch.following).first;
    // Images of a batch are drawn independently: dealing successors one place on is a random permutation.
    const torch::Tensor loss =
        (torch::softplus(-regression(now, next)) + torch::softplus(regression(now, next.roll(1, 0)))).mean();
    return {loss, loss, torch::zeros({}, loss.options())};
  }
  torch::nn::Module* head() override { return &head_; }
  bool needsPairs() const override { return true; }

 private:
  torch::Tensor regression(const torch::Tensor& now, const torch::Tensor& next) const {
    const torch::Tensor& t = head_.terms;
    const torch::Tensor change = (t[0] * next + t[1] * now + t[2]).abs().sum(1);
    return head_.rest[1] + head_.rest[0] * next.square().sum(1) - change;
  }

  PclHead head_;
};

// Supervised: the encoder's means are the logits of one softmax per factor, log p(levels | image) is maximised. The log
// variances play no part.
class Probe final : public Objective {
 public:
  explicit Probe(const ObjectiveSettings& settings) : heads_(settings.heads) {}

  Losses evaluate(Encoder& encoder, Decoder&, const Batch& batch) const override {
    const torch::Tensor logits = encoder->forward(batch.images).first;
    const torch::Tensor loss = probeCrossEntropies(heads_, logits, batch.labels).sum();
    return {loss, loss, torch::zeros({}, loss.options())};
  }

 private:
  std::vector<ProbeHead> heads_;
};

template <typename Model>
std::unique_ptr<Objective> make(const ObjectiveSettings& settings) {
  return std::make_unique<Model>(settings);
}

struct RegisteredModel {
  const char* name;
  std::unique_ptr<Objective> (*make)(const ObjectiveSettings&);
  ModelTraits traits;
};

const std::vector<RegisteredModel>& registry() {
  static const std::vector<RegisteredModel> kModels{
      // name, objective, {variational, supervised, decodes, definition}
      {"ae", make<Autoencoder>, {false, false, true, {}}},
      {"beta-vae", make<BetaVae>, {true, false, true, {}}},
      {"beta-tcvae", make<BetaTcVae>, {true, false, true, {}}},
      // Of its regression function and its process in time.
      {"pcl", make<PermutationContrastive>, {false, false, false, "pcl/1"}},
      {"probe", make<Probe>, {false, true, false, kProbeDefinition}}};
  return kModels;
}

const RegisteredModel* findModel(const std::string& name) {
  const auto found = std::find_if(registry().begin(), registry().end(),
                                  [&](const RegisteredModel& model) { return model.name == name; });
  return found == registry().end() ? nullptr : &*found;
}

const RegisteredModel& requireModel(const std::string& name) {
  if (const RegisteredModel* model = findModel(name)) return *model;
  throw Error(ErrorKind::Usage, "no model is called '" + name + "'", "known: " + joined(modelNames()));
}

const std::vector<std::pair<std::string, PixelLoss>> kPixelLosses{{"bernoulli", PixelLoss::Bernoulli},
                                                                  {"squared-error", PixelLoss::SquaredError}};

std::vector<std::string> pixelLossNames() {
  std::vector<std::string> names;
  for (const auto& entry : kPixelLosses) names.push_back(entry.first);
  return names;
}

}  // namespace

std::vector<std::string> modelNames() {
  std::vector<std::string> names;
  for (const RegisteredModel& model : registry()) names.emplace_back(model.name);
  return names;
}

const ModelTraits& modelTraits(const std::string& model) {
  return requireModel(model).traits;
}

std::unique_ptr<Objective> makeObjective(const std::string& model, const ObjectiveSettings& settings) {
  return requireModel(model).make(settings);
}

bool isVariational(const std::string& model) {
  const RegisteredModel* known = findModel(model);
  return known != nullptr && known->traits.variational;
}

bool isSupervised(const std::string& model) {
  const RegisteredModel* known = findModel(model);
  return known != nullptr && known->traits.supervised;
}

std::string toString(PixelLoss loss) {
  for (const auto& [name, value] : kPixelLosses) {
    if (value == loss) return name;
  }
  return {};
}

PixelLoss pixelLossFromString(const std::string& text) {
  for (const auto& [name, value] : kPixelLosses) {
    if (name == text) return value;
  }
  throw Error(ErrorKind::Usage, "no reconstruction loss is called '" + text + "'",
              "known: " + joined(pixelLossNames()));
}

torch::Tensor pixelLoss(PixelLoss loss, const torch::Tensor& output, const torch::Tensor& target) {
  if (loss == PixelLoss::Bernoulli) return bernoulliLosses(output, target).mean();
  return torch::mse_loss(output, target, at::Reduction::Sum) / static_cast<double>(output.size(0));
}

torch::Tensor gaussianKl(const torch::Tensor& mu, const torch::Tensor& logVariance) {
  return 0.5 * (mu.square() + logVariance.exp() - 1.0 - logVariance);
}

torch::Tensor totalCorrelation(const torch::Tensor& z, const torch::Tensor& mu, const torch::Tensor& logVariance) {
  // log q(z_i,j | x_k) less its constant, [i,k,j].
  const torch::Tensor centred = z.unsqueeze(1) - mu.unsqueeze(0);
  const torch::Tensor density =
      -0.5 * (centred.square() * (-logVariance).exp().unsqueeze(0) + logVariance.unsqueeze(0));
  const double latents = static_cast<double>(z.size(1)), batch = static_cast<double>(z.size(0));
  const torch::Tensor joint = density.sum(2).logsumexp(1);
  const torch::Tensor product = density.logsumexp(1).sum(1);
  return (joint - product).mean() + (latents - 1) * std::log(batch);
}

}  // namespace offaxis
