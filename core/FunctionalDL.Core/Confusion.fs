namespace FunctionalDL.Core

/// How the figures of single classes become one.
[<RequireQualifiedAccess>]
type Averaging =
    /// Not at all: one number for each class.
    | PerClass
    /// Their plain mean: a rare class counts as much as a frequent one.
    | Macro
    /// The figure of all classes' counts together: an item counts as much as another.
    | Micro
    /// Their mean, each class weighing as many items as it has.
    | Weighted

/// Figures of a confusion matrix `[classes; classes]`: how many items of class `i` (rows) were taken for class `j`
/// (columns). All are float64 and 0 to 1; where a class has nothing to divide by, its figure is 0. They are those of
/// C. D. Manning, P. Raghavan, H. Schütze, "Introduction to information retrieval", 2008, sections 8.3 and 13.6.
[<RequireQualifiedAccess>]
module Confusion =

    let private counts (matrix: Tensor) =
        if matrix.Rank <> 2 || matrix.Shape[0] <> matrix.Shape[1] then
            Fail.shape $"confusion: a matrix is {matrix.Shape}; it needs [classes; classes]"

        let matrix = Tensor.cast DType.Float64 matrix

        {|
            Hits = Tensor.diagonal 0 matrix
            Truth = Tensor.sumAxes [ 1 ] matrix
            Taken = Tensor.sumAxes [ 0 ] matrix
        |}

    let private ratio (numerator: Tensor) (denominator: Tensor) =
        let isNothing = Tensor.eq denominator (Tensor.zerosLike denominator)
        Tensor.where isNothing (Tensor.zerosLike numerator) (numerator / denominator)

    let private average averaging (truth: Tensor) numerators denominators =
        match averaging with
        | Averaging.PerClass -> ratio numerators denominators
        | Averaging.Macro -> Tensor.mean (ratio numerators denominators)
        | Averaging.Micro -> ratio (Tensor.sum numerators) (Tensor.sum denominators)
        | Averaging.Weighted -> ratio (Tensor.sum (truth * ratio numerators denominators)) (Tensor.sum truth)

    /// Of the items taken for a class, the share that are of it. Raises ShapeException for what is no square
    /// matrix.
    let precision averaging matrix =
        let c = counts matrix
        average averaging c.Truth c.Hits c.Taken

    /// Of the items of a class, the share that were taken for it. Raises as `precision` does.
    let recall averaging matrix =
        let c = counts matrix
        average averaging c.Truth c.Hits c.Truth

    /// The harmonic mean of precision and recall in which recall weighs `beta` times as much. Raises as
    /// `precision` does.
    let fBeta averaging (beta: float) matrix =
        let c = counts matrix
        let weight = beta * beta
        average averaging c.Truth ((1.0 + weight) * c.Hits) (weight * c.Truth + c.Taken)
