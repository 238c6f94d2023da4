#include "measure/image_spectrum.h"

#include <Eigen/Dense>
#include <algorithm>

#include "core/error.h"
#include "core/philox.h"

namespace offaxis {

ImageSpectrum imageSpectrum(const Source& source, std::uint64_t samples, std::uint64_t seed, const Context& context) {
  if (samples < 2 || samples > 4096)
    throw Error(ErrorKind::Usage, "a spectrum takes 2 to 4096 images, not " + std::to_string(samples));
  const auto n = static_cast<Eigen::Index>(samples);
  const auto pixels = static_cast<Eigen::Index>(source.info().shape.bytes());
  const Philox philox(seed, "image-spectrum");
  Eigen::MatrixXf images(pixels, n);
  std::vector<std::uint8_t> image(source.info().shape.bytes());
  for (Eigen::Index i = 0; i < n; ++i) {
    if (i % 64 == 0) context.throwIfCancelled();
    source.read(philox.below(source.size(), static_cast<std::uint64_t>(i)), image.data());
    for (Eigen::Index k = 0; k < pixels; ++k)
      images(k, i) = static_cast<float>(image[static_cast<std::size_t>(k)]) / 255;
  }
  const Eigen::VectorXf mean = images.rowwise().mean();
  images.colwise() -= mean;
  // The Gram matrix of the images has the same eigenvalues as their covariance, but for zeros.
  Eigen::MatrixXf gram(n, n);
  gram.noalias() = images.transpose() * images;
  const Eigen::MatrixXd exact = gram.cast<double>() / static_cast<double>(n - 1);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(exact, Eigen::EigenvaluesOnly);
  if (solver.info() != Eigen::Success) throw Error(ErrorKind::Failed, "the spectrum of the images did not converge");
  ImageSpectrum spectrum;
  for (Eigen::Index i = n - 1; i > 0; --i) spectrum.eigenvalues.push_back(std::max(0.0, solver.eigenvalues()[i]));
  for (const double value : spectrum.eigenvalues) spectrum.total += value;
  return spectrum;
}

}  // namespace offaxis
