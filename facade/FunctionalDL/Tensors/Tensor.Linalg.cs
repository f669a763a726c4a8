using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <content>Products of matrices and vectors, and square matrices (leading axes are a batch).</content>
public sealed partial class Tensor
{
    /// <summary>
    /// Sums of products, in the letters of their axes: <c>"ij,jk->ik"</c> is the matrix product, <c>"bi,bj->ij"</c> the sum of
    /// outer products, <c>"ii->"</c> the trace.
    /// </summary>
    /// <param name="equation">The letters of each operand's axes, and of the result's.</param>
    /// <param name="operands">The operands.</param>
    /// <exception cref="OptionException">The equation says nothing clear.</exception>
    /// <exception cref="ShapeException">The operands do not fit it.</exception>
    public static Tensor Einsum(string equation, params IReadOnlyList<Tensor> operands) =>
        new(Core.Einsum.einsum(equation, Fs.List(operands.Select(x => x._inner))), SourcesOf(operands));

    /// <summary>
    /// The matrix product: vectors are rows on the left and columns on the right, leading axes are a batch
    /// and broadcast. <c>[batch; m; k] · [batch; k; n] → [batch; m; n]</c>.
    /// </summary>
    /// <param name="other">The right operand.</param>
    /// <exception cref="ShapeException">The inner sizes differ, or an operand is a scalar.</exception>
    public Tensor MatMul(Tensor other) => Make(TensorModule.matmul(_inner, other._inner), other);

    /// <summary>The sum of the products of two vectors' elements.</summary>
    /// <param name="other">The other vector.</param>
    /// <exception cref="ShapeException">They are not vectors of one length.</exception>
    public Tensor Dot(Tensor other) => Make(Core.Linalg.dot(_inner, other._inner), other);

    /// <summary>All products of two vectors' elements: <c>[m], [n] → [m; n]</c>.</summary>
    /// <param name="other">The other vector.</param>
    /// <exception cref="ShapeException">They are not vectors.</exception>
    public Tensor Outer(Tensor other) => Make(Core.Linalg.outer(_inner, other._inner), other);

    /// <summary>What solves <c>this · result = other</c>.</summary>
    /// <param name="other">The right side: a matrix of columns.</param>
    /// <exception cref="ShapeException">The matrices do not fit.</exception>
    /// <exception cref="ValueException">When computed: the matrix has no inverse.</exception>
    public Tensor Solve(Tensor other) => Make(Core.Linalg.solve(_inner, other._inner), other);

    /// <summary>The inverse matrix.</summary>
    /// <exception cref="ShapeException">It is not square.</exception>
    /// <exception cref="ValueException">When computed: it has no inverse.</exception>
    public Tensor Inverse() => Make(Core.Linalg.inv(_inner));

    /// <summary>The determinant.</summary>
    /// <exception cref="ShapeException">It is not square.</exception>
    public Tensor Det() => Make(Core.Linalg.det(_inner));

    /// <summary>The lower triangle <c>L</c> with <c>L · Lᵀ = (x + xᵀ) / 2</c>.</summary>
    /// <exception cref="ShapeException">It is not square.</exception>
    /// <exception cref="ValueException">When computed: it is not positive definite.</exception>
    public Tensor Cholesky() => Make(Core.Linalg.cholesky(_inner));

    /// <summary>The sum of the diagonal.</summary>
    /// <exception cref="ShapeException">It is not a matrix.</exception>
    public Tensor Trace() => Make(Core.Linalg.trace(_inner));

    /// <summary>A diagonal of matrices, as a last axis.</summary>
    /// <param name="offset">Which: 0 is the main one, 1 the next above.</param>
    /// <exception cref="ShapeException">It has fewer than two axes.</exception>
    public Tensor Diagonal(int offset = 0) => Make(TensorModule.diagonal(offset, _inner));

    /// <summary>The lower triangle of matrices; what is above the diagonal is 0.</summary>
    /// <param name="diagonal">The number of the last diagonal that stays.</param>
    /// <exception cref="ShapeException">It has fewer than two axes.</exception>
    public Tensor Tril(int diagonal = 0) => Make(TensorModule.tril(diagonal, _inner));

    /// <summary>The upper triangle of matrices; what is below the diagonal is 0.</summary>
    /// <param name="diagonal">The number of the first diagonal that stays.</param>
    /// <exception cref="ShapeException">It has fewer than two axes.</exception>
    public Tensor Triu(int diagonal = 0) => Make(TensorModule.triu(diagonal, _inner));
}
