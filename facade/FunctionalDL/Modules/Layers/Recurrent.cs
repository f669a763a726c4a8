using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// A recurrent network over sequences <c>[time; batch; inputSize]</c>, or batch first. <see cref="Module.Call"/> gives all hidden
/// states of the last layer, <c>[time; batch; directions · hiddenSize]</c>; with a first state as further inputs it starts
/// from there, else from 0. Parameters have PyTorch's names: <c>weight_ih_l0</c>, <c>bias_hh_l1_reverse</c>.
/// </summary>
public abstract class RecurrentLayer : Layer
{
    private protected RecurrentLayer(
        RecurrentCell cell,
        int inputSize,
        int hiddenSize,
        int numLayers,
        bool bias,
        bool batchFirst,
        double dropout,
        bool bidirectional,
        Generator? generator)
        : base(
            Core.Layer.NewRecurrent(
                new RecurrentSpec(cell, inputSize, hiddenSize, numLayers, bias, batchFirst, dropout, bidirectional)),
            Repr.Join(
                $"{inputSize}, {hiddenSize}",
                (numLayers != 1, $"num_layers={numLayers}"),
                (!bias, "bias=False"),
                (batchFirst, "batch_first=True"),
                (dropout != 0, $"dropout={Repr.Of(dropout)}"),
                (bidirectional, "bidirectional=True")),
            generator,
            draws: dropout > 0) => (InputSize, HiddenSize) = (inputSize, hiddenSize);

    /// <summary>The size of the input's last axis.</summary>
    public int InputSize { get; }

    /// <summary>How many features the hidden state has.</summary>
    public int HiddenSize { get; }

    /// <summary>A parameter by PyTorch's name.</summary>
    /// <param name="name">Its name, such as <c>weight_ih_l0</c>.</param>
    /// <exception cref="KeyNotFoundException">There is none of that name.</exception>
    public Parameter this[string name] =>
        OwnOrNull(name) ?? throw new KeyNotFoundException($"{TypeName} has no parameter '{name}'");

    /// <summary>Outputs and last states, with errors that begin with the layer's path.</summary>
    private protected IReadOnlyList<Tensor> Unrolled(Tensor input, IEnumerable<Tensor?> more) =>
        Run([input, .. more.OfType<Tensor>()]);
}

/// <summary><c>h' = tanh(W_ih · x + b_ih + W_hh · h + b_hh)</c> at each step.</summary>
/// <param name="inputSize">The size of the input's last axis.</param>
/// <param name="hiddenSize">How many features the hidden state has.</param>
/// <param name="numLayers">How many such networks stand on each other.</param>
/// <param name="nonlinearity">"tanh" or "relu".</param>
/// <param name="bias">Whether biases are added.</param>
/// <param name="batchFirst">Whether sequences are <c>[batch; time; …]</c>.</param>
/// <param name="dropout">The probability that an element is dropped between layers, while training.</param>
/// <param name="bidirectional">Whether a second network reads backwards; outputs are joined.</param>
/// <param name="generator">Where first values come from; when not given they differ from run to run.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
public sealed class RNN(
    int inputSize,
    int hiddenSize,
    int numLayers = 1,
    string nonlinearity = "tanh",
    bool bias = true,
    bool batchFirst = false,
    double dropout = 0,
    bool bidirectional = false,
    Generator? generator = null)
    : RecurrentLayer(
        nonlinearity switch
        {
            "tanh" => RecurrentCell.Tanh,
            "relu" => RecurrentCell.ReLU,
            _ => throw new OptionException($"rnn: nonlinearity is '{nonlinearity}'; it is 'tanh' or 'relu'"),
        },
        inputSize,
        hiddenSize,
        numLayers,
        bias,
        batchFirst,
        dropout,
        bidirectional,
        generator)
{
    /// <summary>All hidden states of the last layer, and the last state: PyTorch's <c>output, h_n = rnn(x, h_0)</c>.</summary>
    /// <param name="input">The sequences.</param>
    /// <param name="hidden">The first state, <c>[numLayers · directions; batch; hiddenSize]</c>; 0 when not given.</param>
    /// <param name="lengths">The length of each sequence (int64); the whole axis when not given.</param>
    /// <exception cref="ShapeException">The shapes do not meet.</exception>
    public (Tensor Output, Tensor Hidden) CallWithState(Tensor input, Tensor? hidden = null, Tensor? lengths = null)
    {
        var all = Unrolled(input, [hidden, lengths]);
        return (all[0], all[1]);
    }
}

/// <summary>
/// Gated recurrent units: reset, update and new gate, in this order (K. Cho and others, EMNLP 2014).
/// </summary>
/// <param name="inputSize">The size of the input's last axis.</param>
/// <param name="hiddenSize">How many features the hidden state has.</param>
/// <param name="numLayers">How many such networks stand on each other.</param>
/// <param name="bias">Whether biases are added.</param>
/// <param name="batchFirst">Whether sequences are <c>[batch; time; …]</c>.</param>
/// <param name="dropout">The probability that an element is dropped between layers, while training.</param>
/// <param name="bidirectional">Whether a second network reads backwards; outputs are joined.</param>
/// <param name="generator">Where first values come from; when not given they differ from run to run.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
public sealed class GRU(
    int inputSize,
    int hiddenSize,
    int numLayers = 1,
    bool bias = true,
    bool batchFirst = false,
    double dropout = 0,
    bool bidirectional = false,
    Generator? generator = null)
    : RecurrentLayer(
        RecurrentCell.GRU, inputSize, hiddenSize, numLayers, bias, batchFirst, dropout, bidirectional, generator)
{
    /// <summary>All hidden states of the last layer, and the last state: PyTorch's <c>output, h_n = gru(x, h_0)</c>.</summary>
    /// <param name="input">The sequences.</param>
    /// <param name="hidden">The first state, <c>[numLayers · directions; batch; hiddenSize]</c>; 0 when not given.</param>
    /// <param name="lengths">The length of each sequence (int64); the whole axis when not given.</param>
    /// <exception cref="ShapeException">The shapes do not meet.</exception>
    public (Tensor Output, Tensor Hidden) CallWithState(Tensor input, Tensor? hidden = null, Tensor? lengths = null)
    {
        var all = Unrolled(input, [hidden, lengths]);
        return (all[0], all[1]);
    }
}

/// <summary>
/// Long short-term memory: input, forget, cell and output gate, in this order (S. Hochreiter, J. Schmidhuber, 1997).
/// </summary>
/// <param name="inputSize">The size of the input's last axis.</param>
/// <param name="hiddenSize">How many features the hidden state has.</param>
/// <param name="numLayers">How many such networks stand on each other.</param>
/// <param name="bias">Whether biases are added.</param>
/// <param name="batchFirst">Whether sequences are <c>[batch; time; …]</c>.</param>
/// <param name="dropout">The probability that an element is dropped between layers, while training.</param>
/// <param name="bidirectional">Whether a second network reads backwards; outputs are joined.</param>
/// <param name="generator">Where first values come from; when not given they differ from run to run.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
public sealed class LSTM(
    int inputSize,
    int hiddenSize,
    int numLayers = 1,
    bool bias = true,
    bool batchFirst = false,
    double dropout = 0,
    bool bidirectional = false,
    Generator? generator = null)
    : RecurrentLayer(
        RecurrentCell.LSTM, inputSize, hiddenSize, numLayers, bias, batchFirst, dropout, bidirectional, generator)
{
    /// <summary>
    /// All hidden states of the last layer, and the last states: PyTorch's <c>output, (h_n, c_n) = lstm(x, (h_0, c_0))</c>.
    /// </summary>
    /// <param name="input">The sequences.</param>
    /// <param name="state">The first states, each <c>[numLayers · directions; batch; hiddenSize]</c>; 0 when not given.</param>
    /// <param name="lengths">The length of each sequence (int64); the whole axis when not given.</param>
    /// <exception cref="ShapeException">The shapes do not meet.</exception>
    public (Tensor Output, (Tensor Hidden, Tensor Cell) State) CallWithState(
        Tensor input, (Tensor Hidden, Tensor Cell)? state = null, Tensor? lengths = null)
    {
        var all = Unrolled(input, [state?.Hidden, state?.Cell, lengths]);
        return (all[0], (all[1], all[2]));
    }
}
