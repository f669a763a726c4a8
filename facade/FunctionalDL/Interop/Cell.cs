using FunctionalDL.Core;

namespace FunctionalDL.Interop;

/// <summary>What parameters and buffers have in common.</summary>
internal static class Cell
{
    /// <summary>
    /// The computed value of a tensor that is to live in a cell. Computing it here keeps a loop of updates
    /// from growing a graph. What depends on a parameter is refused: its whole history would live on in the
    /// cell.
    /// </summary>
    public static Core.Tensor Plain(Tensor value, string what)
    {
        if (value.Sources is not null)
        {
            throw new InvalidOperationException(
                $"the {what} would be given a value that was computed from a parameter that wants a gradient: "
                + "compute it under Autograd.NoGrad(), or give it value.Detach()");
        }

        return Forgetful(value.Inner);
    }

    /// <summary>The value, computed, without how: what a detached value was computed from would live on with it.</summary>
    public static Core.Tensor Forgetful(Core.Tensor value)
    {
        Fs.Evaluate([value]);
        return Eager.isTracked(value) ? TensorModule.ofStorage(TensorModule.toStorage(value)) : value;
    }

    public static void RequireSameType(string what, Core.Tensor held, Tensor given)
    {
        if (!held.Shape.Equals(given.Inner.Shape))
        {
            throw new ShapeException(
                $"the {what} has shape {held.Shape}; the value has shape {given.Inner.Shape}: they need to be equal");
        }

        if (!held.DType.Equals(given.Inner.DType))
        {
            throw new DTypeException(
                $"the {what} is {held.DType}; the value is {given.Inner.DType}: "
                + $"give value.To(DType.{held.DType.ToFacade()}), or convert the module with To(DType.{given.DType}) first");
        }
    }
}
