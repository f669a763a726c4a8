using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// Adam (D. Kingma, J. Ba, ICLR 2015), with PyTorch's defaults.
/// </summary>
/// <param name="parameters">What it moves.</param>
/// <param name="lr">How far a parameter moves.</param>
/// <param name="betas">How long the means of gradients and of their squares remember, each in [0, 1).</param>
/// <param name="eps">Added to the root of the mean square.</param>
/// <param name="weightDecay">L2 decay: this times the parameter is added to its gradient.</param>
/// <param name="amsgrad">Whether to divide by the largest mean square so far (S. Reddi and others, ICLR 2018).</param>
/// <param name="maximize">Whether to go up instead of down.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
/// <exception cref="ArgumentException">There are no parameters, or one appears twice.</exception>
public sealed class Adam(
    IEnumerable<Parameter> parameters,
    double lr = 1e-3,
    (double Beta1, double Beta2)? betas = null,
    double eps = 1e-8,
    double weightDecay = 0,
    bool amsgrad = false,
    bool maximize = false)
    : BuiltInOptimizer(parameters, OptimiserModule.adamWith(
        new AdamOptions(lr, Betas(betas, 0.9, 0.999), eps, weightDecay, amsgrad, maximize)));

/// <summary>
/// Adam with decoupled ("true") weight decay (I. Loshchilov, F. Hutter, ICLR 2019).
/// </summary>
/// <param name="parameters">What it moves.</param>
/// <param name="lr">How far a parameter moves.</param>
/// <param name="betas">How long the means of gradients and of their squares remember, each in [0, 1).</param>
/// <param name="eps">Added to the root of the mean square.</param>
/// <param name="weightDecay">Decoupled decay: the parameter shrinks by <c>lr · weightDecay</c>.</param>
/// <param name="amsgrad">Whether to divide by the largest mean square so far (S. Reddi and others, ICLR 2018).</param>
/// <param name="maximize">Whether to go up instead of down.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
/// <exception cref="ArgumentException">There are no parameters, or one appears twice.</exception>
public sealed class AdamW(
    IEnumerable<Parameter> parameters,
    double lr = 1e-3,
    (double Beta1, double Beta2)? betas = null,
    double eps = 1e-8,
    double weightDecay = 1e-2,
    bool amsgrad = false,
    bool maximize = false)
    : BuiltInOptimizer(parameters, OptimiserModule.adamWWith(
        new AdamOptions(lr, Betas(betas, 0.9, 0.999), eps, weightDecay, amsgrad, maximize)));

/// <summary>
/// Adam with Nesterov's momentum (T. Dozat, 2016).
/// </summary>
/// <param name="parameters">What it moves.</param>
/// <param name="lr">How far a parameter moves.</param>
/// <param name="betas">How long the means of gradients and of their squares remember, each in [0, 1).</param>
/// <param name="eps">Added to the root of the mean square.</param>
/// <param name="weightDecay">L2 decay: this times the parameter is added to its gradient.</param>
/// <param name="momentumDecay">How fast the momentum grows to the first beta.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
/// <exception cref="ArgumentException">There are no parameters, or one appears twice.</exception>
public sealed class NAdam(
    IEnumerable<Parameter> parameters,
    double lr = 2e-3,
    (double Beta1, double Beta2)? betas = null,
    double eps = 1e-8,
    double weightDecay = 0,
    double momentumDecay = 4e-3)
    : BuiltInOptimizer(parameters, OptimiserModule.nadamWith(
        new NAdamOptions(lr, Betas(betas, 0.9, 0.999), eps, weightDecay, momentumDecay)));

/// <summary>
/// Adam whose first steps are rectified (L. Liu and others, ICLR 2020).
/// </summary>
/// <param name="parameters">What it moves.</param>
/// <param name="lr">How far a parameter moves.</param>
/// <param name="betas">How long the means of gradients and of their squares remember, each in [0, 1).</param>
/// <param name="eps">Added to the root of the mean square.</param>
/// <param name="weightDecay">L2 decay: this times the parameter is added to its gradient.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
/// <exception cref="ArgumentException">There are no parameters, or one appears twice.</exception>
public sealed class RAdam(
    IEnumerable<Parameter> parameters,
    double lr = 1e-3,
    (double Beta1, double Beta2)? betas = null,
    double eps = 1e-8,
    double weightDecay = 0)
    : BuiltInOptimizer(parameters, OptimiserModule.radamWith(
        new RAdamOptions(lr, Betas(betas, 0.9, 0.999), eps, weightDecay)));

/// <summary>
/// Adam by the largest gradient instead of the mean square (D. Kingma, J. Ba, ICLR 2015, section 7).
/// </summary>
/// <param name="parameters">What it moves.</param>
/// <param name="lr">How far a parameter moves.</param>
/// <param name="betas">How long the means of gradients and of their squares remember, each in [0, 1).</param>
/// <param name="eps">Added to the root of the mean square.</param>
/// <param name="weightDecay">L2 decay: this times the parameter is added to its gradient.</param>
/// <param name="maximize">Whether to go up instead of down.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
/// <exception cref="ArgumentException">There are no parameters, or one appears twice.</exception>
public sealed class Adamax(
    IEnumerable<Parameter> parameters,
    double lr = 2e-3,
    (double Beta1, double Beta2)? betas = null,
    double eps = 1e-8,
    double weightDecay = 0,
    bool maximize = false)
    : BuiltInOptimizer(parameters, OptimiserModule.adamaxWith(
        new AdamaxOptions(lr, Betas(betas, 0.9, 0.999), eps, weightDecay, maximize)));
