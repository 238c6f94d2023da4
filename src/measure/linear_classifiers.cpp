#include "measure/linear_classifiers.h"

#include <linear.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

namespace offaxis {
namespace {

using Matrix = Eigen::MatrixXd;
using Index = Eigen::Index;
using Rows = Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

constexpr int kMaxNewtonSteps = 200;
constexpr Index kHessianRows = 256;            // rows of the Hessian's factor that are held at a time
constexpr std::size_t kMostParameters = 8192;  // the Hessian then has half a gigabyte
constexpr double kRounding = 1e-13;
constexpr double kSvmTolerance = 1e-9;

std::vector<std::int64_t> classesOf(const std::vector<std::int64_t>& labels) {
  std::vector<std::int64_t> classes = labels;
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  if (classes.size() < 2) {
    throw Error(ErrorKind::BadFile, "a classifier has " + std::to_string(classes.size()) + " class to learn",
                "the training sample must show two levels of a factor or more");
  }
  return classes;
}

std::vector<Index> positionsIn(const std::vector<std::int64_t>& classes, const std::vector<std::int64_t>& labels) {
  std::vector<Index> positions(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    positions[i] = std::lower_bound(classes.begin(), classes.end(), labels[i]) - classes.begin();
  }
  return positions;
}

// Parameters are [D+1,C], the intercepts in the last row.
class LogisticObjective {
 public:
  LogisticObjective(const FeatureView& x, std::vector<Index> classes, std::size_t classCount, double cost)
      : features_(static_cast<Index>(x.count), static_cast<Index>(x.width) + 1),
        classes_(std::move(classes)),
        classCount_(static_cast<Index>(classCount)),
        // Softmax weights u and -u are the binary regression's w = 2u, whose |w|^2 / 2 is |u|^2 + |-u|^2.
        penalty_((classCount == 2 ? 2.0 : 1.0) / cost) {
    features_.leftCols(features_.cols() - 1) = Rows(x.values, static_cast<Index>(x.count), static_cast<Index>(x.width));
    features_.rightCols(1).setOnes();
    // Solved in columns of mean 0 and variance 1, which moves no optimum: weights are divided by the spread, so the
    // penalty is too, and intercepts take up the means.
    const Index width = features_.cols() - 1;
    means_ = features_.leftCols(width).colwise().mean();
    spreads_ = Eigen::RowVectorXd::Ones(width);
    for (Index d = 0; d < width; ++d) {
      auto column = features_.col(d);
      column.array() -= means_(d);
      const double largest = column.cwiseAbs().maxCoeff();  // squares of what is left could overflow
      if (!(largest > kRounding * std::fabs(means_(d)))) {  // constant: its weight is 0, the intercept is free
        column.setZero();
        continue;
      }
      const double spread = largest * std::sqrt((column / largest).squaredNorm() / scale());
      column /= spread;
      spreads_(d) = spread;
    }
    penalties_ = (penalty_ / spreads_.array().square()).matrix().transpose();
  }

  // Of the columns as they were given.
  void store(const Matrix& parameters, LinearClassifier& model) const {
    const Index width = rows() - 1;
    for (Index c = 0; c < classCount_; ++c) {
      double intercept = parameters(width, c);
      for (Index d = 0; d < width; ++d) {
        const double weight = parameters(d, c) / spreads_(d);
        model.weights.push_back(weight);
        intercept -= weight * means_(d);
      }
      model.intercepts.push_back(intercept);
    }
  }

  Index rows() const { return features_.cols(); }
  Index classCount() const { return classCount_; }
  double scale() const { return static_cast<double>(features_.rows()); }

  // The objective divided by the cost; leaves p [N,C] in `p`.
  double value(const Matrix& parameters, Matrix& p) const {
    p.noalias() = features_ * parameters;
    double sum = 0;
    for (Index i = 0; i < p.rows(); ++i) {
      const double largest = p.row(i).maxCoeff();
      const double own = p(i, classes_[static_cast<std::size_t>(i)]);
      p.row(i) = (p.row(i).array() - largest).exp().matrix();
      const double total = p.row(i).sum();
      p.row(i) /= total;
      sum += std::log(total) + largest - own;
    }
    const auto weights = parameters.topRows(parameters.rows() - 1);
    return sum + 0.5 * (weights.array().square().colwise() * penalties_.array()).sum();
  }

  Matrix gradient(const Matrix& parameters, const Matrix& p) const {
    Matrix residual = p;
    for (Index i = 0; i < p.rows(); ++i) residual(i, classes_[static_cast<std::size_t>(i)]) -= 1;
    Matrix g = features_.transpose() * residual;
    const Index weights = rows() - 1;
    g.topRows(weights) += penalties_.asDiagonal() * parameters.topRows(weights);
    return g;
  }

  // Lower triangle over the parameters in column order.
  Matrix hessian(const Matrix& p, const Context& context) const {
    const Index size = rows() * classCount_;
    Matrix h = Matrix::Zero(size, size);
    Matrix z;  // [rows, size]: p_c x
    for (Index first = 0; first < p.rows(); first += kHessianRows) {
      context.throwIfCancelled();
      const Index count = std::min(kHessianRows, p.rows() - first);
      const auto x = features_.middleRows(first, count);
      z.resize(count, size);
      for (Index c = 0; c < classCount_; ++c) {
        auto part = z.middleCols(c * rows(), rows());
        part = x.array().colwise() * p.col(c).segment(first, count).array();
        h.block(c * rows(), c * rows(), rows(), rows()).noalias() += x.transpose() * part;
      }
      h.selfadjointView<Eigen::Lower>().rankUpdate(z.transpose(), -1.0);
    }
    const double ridge = 1e-12 * scale();  // against rounding; it changes the step, not the optimum
    for (Index a = 0; a < classCount_; ++a) {
      const Index intercept = a * rows() + rows() - 1;
      for (Index d = 0; d < rows(); ++d)
        h(a * rows() + d, a * rows() + d) += ridge + (d + 1 < rows() ? penalties_(d) : 0.0);
      // A shift of all intercepts changes no probability. No gradient has a part along it, so curvature there moves no
      // step and only makes the matrix regular.
      for (Index b = 0; b < classCount_; ++b) {
        h(intercept, b * rows() + rows() - 1) += scale() / static_cast<double>(classCount_);
      }
    }
    return h;
  }

 private:
  Matrix features_;  // [N,D+1], the last column 1
  std::vector<Index> classes_;
  Index classCount_;
  double penalty_;
  Eigen::RowVectorXd means_, spreads_;
  Eigen::VectorXd penalties_;  // of the scaled columns
};

// Function values [N,C].
Matrix valuesOf(const LinearClassifier& model, const FeatureView& x) {
  const auto classes = static_cast<Index>(model.classes.size());
  const auto width = static_cast<Index>(x.width);
  Matrix values =
      Rows(x.values, static_cast<Index>(x.count), width) * Rows(model.weights.data(), classes, width).transpose();
  values.rowwise() += Rows(model.intercepts.data(), 1, classes).row(0);
  return values;
}

struct FreeModel {
  void operator()(::model* trained) const { free_and_destroy_model(&trained); }
};

}  // namespace

LinearClassifier fitLogisticRegression(const FeatureView& x, const std::vector<std::int64_t>& labels,
                                       const Context& context, double cost) {
  LinearClassifier result;
  result.classes = classesOf(labels);
  if (result.classes.size() * (x.width + 1) > kMostParameters) {
    throw Error(ErrorKind::BadFile,
                "logistic regression of " + std::to_string(result.classes.size()) + " levels on " +
                    std::to_string(x.width) + " latents has more than " + std::to_string(kMostParameters) +
                    " parameters",
                "leave out metrics that need it, or score fewer latents");
  }
  const LogisticObjective objective(x, positionsIn(result.classes, labels), result.classes.size(), cost);
  Matrix parameters = Matrix::Zero(objective.rows(), objective.classCount());
  Matrix p;
  double value = objective.value(parameters, p);
  bool converged = false;
  for (int step = 0; step < kMaxNewtonSteps && !converged; ++step) {
    context.throwIfCancelled();
    const Matrix gradient = objective.gradient(parameters, p);
    const Eigen::LLT<Matrix> factorised(objective.hessian(p, context));
    if (factorised.info() != Eigen::Success) break;
    const Eigen::VectorXd towards = factorised.solve(-gradient.reshaped());
    const Matrix direction = towards.reshaped(parameters.rows(), parameters.cols());
    const double slope = gradient.cwiseProduct(direction).sum();
    // So near the optimum Newton's method squares the error at each step, and `value` is too coarse to see it.
    converged = -slope <= 1e-9 * (1 + value / objective.scale());
    double length = 1;
    const Matrix start = parameters;
    const double startValue = value;
    for (;; length /= 2) {
      parameters = start + length * direction;
      value = objective.value(parameters, p);
      if (converged || value <= startValue + 1e-4 * length * slope || length < 1e-12) break;
    }
  }
  if (!converged) {
    throw Error(ErrorKind::Failed, "logistic regression did not converge", "look at the codes: are any of them huge?");
  }
  objective.store(parameters, result);
  return result;
}

std::vector<double> probabilities(const LinearClassifier& logistic, const FeatureView& x) {
  const Matrix values = valuesOf(logistic, x);
  std::vector<double> result;
  result.reserve(static_cast<std::size_t>(values.size()));
  for (Index i = 0; i < values.rows(); ++i) {
    const Eigen::ArrayXd raised = (values.row(i).array() - values.row(i).maxCoeff()).exp();
    const double total = raised.sum();
    for (const double value : raised) result.push_back(value / total);
  }
  return result;
}

LinearClassifier fitLinearSvm(const FeatureView& x, const std::vector<std::int64_t>& labels, double cost) {
  // The one thing that liblinear shares between calls.
  static const bool silenced = [] {
    set_print_string_function([](const char*) {});
    return true;
  }();
  static_cast<void>(silenced);

  LinearClassifier result;
  result.classes = classesOf(labels);
  const std::size_t classCount = result.classes.size();
  const std::vector<Index> positions = positionsIn(result.classes, labels);

  const std::size_t stride = x.width + 2;  // the features, the constant 1, the terminator
  std::vector<feature_node> nodes(x.count * stride);
  std::vector<feature_node*> rows(x.count);
  std::vector<double> targets(x.count);
  std::vector<double> weights(classCount, 0.0);
  for (std::size_t i = 0; i < x.count; ++i) {
    rows[i] = nodes.data() + i * stride;
    for (std::size_t d = 0; d < x.width; ++d) rows[i][d] = {static_cast<int>(d) + 1, x.values[i * x.width + d]};
    rows[i][x.width] = {static_cast<int>(x.width) + 1, 1.0};
    rows[i][x.width + 1] = {-1, 0.0};
    targets[i] = static_cast<double>(positions[i]);
    weights[static_cast<std::size_t>(positions[i])] += 1;
  }
  std::vector<int> weightLabels(classCount);
  for (std::size_t c = 0; c < classCount; ++c) {
    weightLabels[c] = static_cast<int>(c);
    weights[c] = static_cast<double>(x.count) / (static_cast<double>(classCount) * weights[c]);
  }
  ::problem problem{};
  problem.l = static_cast<int>(x.count);
  problem.n = static_cast<int>(x.width) + 1;
  problem.y = targets.data();
  problem.x = rows.data();
  problem.bias = -1;
  ::parameter parameter{};
  parameter.solver_type = L2R_L2LOSS_SVC;
  parameter.eps = kSvmTolerance;
  parameter.C = cost;
  parameter.nr_weight = static_cast<int>(classCount);
  parameter.weight_label = weightLabels.data();
  parameter.weight = weights.data();
  const std::unique_ptr<::model, FreeModel> trained(::train(&problem, &parameter));

  // liblinear orders classes by their first row, and keeps one function for two classes.
  result.weights.resize(classCount * x.width);
  result.intercepts.resize(classCount);
  const std::size_t functions = classCount == 2 ? 1 : classCount;
  for (std::size_t at = 0; at < classCount; ++at) {
    const auto c = static_cast<std::size_t>(trained->label[at]);
    const double* const w = trained->w + (functions == 1 ? 0 : at);
    const double sign = functions == 1 && at == 1 ? -1.0 : 1.0;
    for (std::size_t d = 0; d < x.width; ++d) result.weights[c * x.width + d] = sign * w[d * functions];
    result.intercepts[c] = sign * w[x.width * functions];
  }
  return result;
}

std::vector<std::int64_t> predictions(const LinearClassifier& model, const FeatureView& x) {
  const Matrix values = valuesOf(model, x);
  std::vector<std::int64_t> result(x.count);
  for (Index i = 0; i < values.rows(); ++i) {
    Index best = 0;
    for (Index c = 1; c < values.cols(); ++c) {
      if (values(i, c) > values(i, best)) best = c;
    }
    result[static_cast<std::size_t>(i)] = model.classes[static_cast<std::size_t>(best)];
  }
  return result;
}

double accuracy(const std::vector<std::int64_t>& predicted, const std::vector<std::int64_t>& actual) {
  std::size_t right = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) right += predicted[i] == actual[i] ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(actual.size());
}

}  // namespace offaxis
