function price(amount, rate = vatRate) {
  return amount * rate;
}
return price(10);
