using System.Collections;

namespace FunctionalDL;

/// <summary>Modules one after the other, named <c>0</c>, <c>1</c>, … unless named otherwise.</summary>
public class Sequential : Module, IReadOnlyList<Module>
{
    /// <summary>No modules yet: the identity, until <see cref="Module.AddModule"/> adds some.</summary>
    public Sequential()
    {
    }

    /// <summary>The modules in order.</summary>
    /// <param name="modules">Each is given what the one before it gives.</param>
    public Sequential(params Module[] modules)
        : this([.. modules.Select((module, i) => ($"{i}", module))])
    {
    }

    /// <summary>The modules in order, under names of their own.</summary>
    /// <param name="modules">Each is given what the one before it gives.</param>
    /// <exception cref="ArgumentException">A name is empty, has a dot, or appears twice.</exception>
    public Sequential(params (string Name, Module Module)[] modules)
    {
        foreach (var (name, module) in modules)
        {
            AddModule(name, module);
        }
    }

    /// <summary>How many modules there are.</summary>
    public int Count => Added.Count;

    /// <summary>A module by its position.</summary>
    /// <param name="index">The position, from 0; <c>^1</c> is the last.</param>
    public Module this[int index] => Added[index].Module;

    /// <summary>
    /// The modules at some positions, shared with this one and under their names: <c>model[..^1]</c> is all but the
    /// last.
    /// </summary>
    /// <param name="range">Positions.</param>
    public Sequential this[Range range]
    {
        get
        {
            var (offset, length) = range.GetOffsetAndLength(Count);
            return new([.. Added.Skip(offset).Take(length)]);
        }
    }

    /// <summary>A module by its name.</summary>
    /// <param name="name">The name.</param>
    /// <exception cref="KeyNotFoundException">There is none of that name.</exception>
    public Module this[string name] =>
        Added.FirstOrDefault(part => part.Name == name).Module
        ?? throw new KeyNotFoundException(
            $"there is no '{name}' here; there is: {string.Join(", ", Added.Select(part => part.Name))}");

    /// <inheritdoc/>
    public override Tensor Forward(params Tensor[] inputs) =>
        Added.Count == 0
            ? base.Forward(inputs)
            : Added.Skip(1).Aggregate(Added[0].Module.Call(inputs), (x, part) => part.Module.Call(x));

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => Added.Aggregate(input, (x, part) => part.Module.Call(x));

    /// <inheritdoc/>
    public IEnumerator<Module> GetEnumerator() => Added.Select(part => part.Module).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
