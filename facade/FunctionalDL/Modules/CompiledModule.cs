using FunctionalDL.Core;
using FunctionalDL.Interop;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;

namespace FunctionalDL;

using Given = Tuple<Variables, Key, FSharpList<Core.Tensor>>;
using Made = Tuple<FSharpList<Core.Tensor>, Tree<Core.Tensor>>;

/// <summary>
/// A module whose <c>Forward</c> was traced into a compiled function: <c>var fast = model.Compile(); fast.Call(x)</c>. It reads the
/// module's parameters at each call, and in training writes its buffers; the results are those of <see cref="Module.Call"/>, to
/// the bit. It is traced once for each mode and form of inputs, so <c>Forward</c> may not look at values; gradients
/// come from <see cref="Module.CompileStep"/>. Parts that are added later are not seen.
/// </summary>
public sealed class CompiledModule
{
    private readonly PureModule _pure;
    private readonly Module _module;
    private readonly Generator _generator;
    private readonly FSharpFunc<Given, Made> _training;
    private readonly FSharpFunc<Given, Made> _evaluation;

    internal CompiledModule(Module module, Generator? generator, Device? device)
    {
        (_module, _pure, _generator) = (module, new PureModule(module), generator ?? new Generator());
        _training = Compiled(Mode.Training);
        _evaluation = Compiled(Mode.Evaluation);

        FSharpFunc<Given, Made> Compiled(Mode mode) =>
            Core.Compile.on(
                (device ?? Device.Cpu()).Engine,
                Fs.Function<Given, Made>(
                    x => LayerModule.apply(_pure.Layer, new Call(mode, x.Item1, x.Item2), x.Item3)));
    }

    /// <summary>Runs the module in the mode that it is in.</summary>
    /// <param name="inputs">One or more inputs.</param>
    /// <exception cref="ShapeException">Shapes do not meet; the message begins with the path of the module.</exception>
    /// <exception cref="TraceException"><c>Forward</c> looks at values.</exception>
    public Tensor Call(params Tensor[] inputs)
    {
        if (_module.HasHooks)
        {
            using (Ambient.Drawing(_pure.Keys(_generator.Next())))
            {
                return _module.Call(inputs);
            }
        }

        var isTraining = _module.Training;
        var (outputs, state) = (isTraining ? _training : _evaluation).Invoke(
            Tuple.Create(_pure.Read(), _generator.Next(), Fs.List(inputs.Select(x => x.Inner))));

        if (isTraining)
        {
            _pure.WriteState(state);
        }

        return new(outputs.Single());
    }
}
