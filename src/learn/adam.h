// Needs LibTorch: include only inside src/learn.
#pragma once

#include <torch/torch.h>

#include <vector>

namespace offaxis {

// Adam (Kingma and Ba, ICLR 2015) with betas .9, .999 and epsilon 1e-8 over a fixed list of parameters. LibTorch's own
// does the same, but its state is awkward to checkpoint.
class Adam {
 public:
  Adam(std::vector<torch::Tensor> parameters, double rate);
  // `gradients` in the order of the parameters; an undefined one leaves its parameter alone.
  void step(const std::vector<torch::Tensor>& gradients);

  const std::vector<torch::Tensor>& parameters() const { return parameters_; }
  // What a checkpoint must hold besides the parameters. Filling these tensors in place restores the optimiser.
  const std::vector<torch::Tensor>& first() const { return first_; }
  const std::vector<torch::Tensor>& second() const { return second_; }
  const torch::Tensor& steps() const { return steps_; }  // i64 [1], on the CPU

 private:
  std::vector<torch::Tensor> parameters_;
  std::vector<torch::Tensor> first_;
  std::vector<torch::Tensor> second_;
  torch::Tensor steps_;
  double rate_;
};

}  // namespace offaxis
