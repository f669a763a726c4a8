using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>Giving the layers of a network first values by a rule of the core.</summary>
internal static class FirstValuesOf
{
    /// <summary>The network, whose layers now and whenever they are initialised again begin by the rule.</summary>
    /// <param name="network">The network.</param>
    /// <param name="rule">Gives the variables of a layer at a path.</param>
    public static T DrawnBy<T>(this T network, Func<string, Start, Core.Layer, Variables> rule)
        where T : Module
    {
        foreach (var (path, module) in network.NamedModules())
        {
            (module as Layer)?.DrawBy((start, layer) => rule(path, start, layer));
        }

        return network;
    }
}
