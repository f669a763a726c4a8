namespace FunctionalDL.Core

/// Linear algebra of square matrices, which are the last two axes; leading axes are a batch.
[<RequireQualifiedAccess>]
module Linalg =

    let private transposed (x: Tensor) = Tensor.transpose -2 -1 x

    /// The lower triangular `L` with `L · Lᵀ = x`, for positive definite `x`. Only the symmetric part of `x`
    /// counts, so the derivative is symmetric. Raises ValueException, when evaluated, for a matrix that is
    /// not positive definite.
    let cholesky (x: Tensor) =
        let symmetric = (x + transposed x) / 2.0
        Tensor.Make(Prim.Cholesky symmetric.Node) |> Tensor.tril 0

    /// `X` with `a · X = b`, by the lower or upper triangle of `a` alone. `a: […; n; n]`, `b: […; n; m]`.
    let triangularSolve lower (a: Tensor) (b: Tensor) =
        Tensor.Make(Prim.TriangularSolve(lower, a.Node, b.Node))

    /// `X` with `a · X = b`. `b` is `[…; n; m]`, or `[n]` for one right side. Raises ValueException, when
    /// evaluated, for a singular matrix.
    let solve (a: Tensor) (b: Tensor) =
        if b.Rank = 1 then
            Tensor.Make(Prim.Solve(a.Node, (Tensor.unsqueeze 1 b).Node))
            |> Tensor.squeeze -1
        else
            Tensor.Make(Prim.Solve(a.Node, b.Node))

    /// The inverse. Raises ValueException, when evaluated, for a singular matrix.
    let inv (x: Tensor) =
        let identity =
            Tensor.eye x.Shape[-1]
            |> Tensor.cast x.DType
            |> Tensor.expand (List.ofArray (x.Shape.ToArray()))

        solve x identity

    /// The determinant, 0 for a singular matrix; its derivative needs one that is not.
    let det (x: Tensor) =
        Tensor.Make(Prim.Determinant x.Node) |> Tensor.squeeze -1 |> Tensor.squeeze -1

    /// `a[i] · b[j]`: `[m]` and `[n]` to `[m; n]`. Raises ShapeException for operands that are not vectors.
    let outer (a: Tensor) (b: Tensor) =
        if a.Rank <> 1 || b.Rank <> 1 then
            Fail.shape $"outer: operands are {a.Shape} and {b.Shape}; they need one axis each"

        Tensor.unsqueeze 1 a * Tensor.unsqueeze 0 b

    /// The sum of `a[i] · b[i]` of two vectors of one size. Raises ShapeException for others.
    let dot (a: Tensor) (b: Tensor) =
        if a.Rank <> 1 || not (a.Shape.Equals b.Shape) then
            Fail.shape $"dot: operands are {a.Shape} and {b.Shape}; they need one axis each, of equal size"

        Tensor.matmul a b

    /// The sum of the diagonal of matrices.
    let trace (x: Tensor) =
        Tensor.diagonal 0 x |> Tensor.sumAxes [ -1 ]

    /// `result[…, o] = x1[…, i] · weight[o, i, j] · x2[…, j] + bias[o]`, summed over `i` and `j`: `[…; in1]`,
    /// `[…; in2]` and `[out; in1; in2]` to `[…; out]`. Raises ShapeException when sizes do not meet.
    let bilinear (weight: Tensor) (bias: Tensor option) (x1: Tensor) (x2: Tensor) =
        let fits (x: Tensor) size = x.Rank > 0 && x.Shape[-1] = size
        let lead (x: Tensor) = x.Shape.Dims[.. x.Rank - 2]

        if
            weight.Rank <> 3
            || not (fits x1 weight.Shape[1] && fits x2 weight.Shape[2])
            || lead x1 <> lead x2
        then
            Fail.shape (
                $"bilinear: inputs {x1.Shape} and {x2.Shape} do not fit weight {weight.Shape}: "
                + "their last axes need its second and third size, and their other axes must agree"
            )

        let outputs, inner = weight.Shape[0], weight.Shape[2]

        let rows (x: Tensor) =
            Tensor.reshape [ x.Shape.Size / max 1 x.Shape[-1]; x.Shape[-1] ] x
        // One matrix product for all of x1 and the weight; then a small one for each row with x2.
        let left =
            Tensor.permute [ 1; 0; 2 ] weight
            |> Tensor.reshape [ weight.Shape[1]; outputs * inner ]
            |> Tensor.matmul (rows x1)

        let left = Tensor.reshape [ left.Shape[0]; outputs; inner ] left

        let y =
            Tensor.matmul left (Tensor.unsqueeze 2 (rows x2))
            |> Tensor.reshape [ yield! lead x1; yield outputs ]

        match bias with
        | Some bias -> y + bias
        | None -> y
